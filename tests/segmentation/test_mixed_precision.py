"""Training under Keras's policies of mixed precision."""

import keras
import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.runs.precision import PRECISIONS, dtype_policy

HALF = pytest.mark.parametrize("precision", PRECISIONS[1:])


@HALF
def test_policy_holds_within_the_block_alone(precision):
    before = keras.config.dtype_policy().name
    with pytest.raises(InputError), dtype_policy(precision):
        assert keras.config.dtype_policy().name == precision
        raise InputError("in the midst")
    assert keras.config.dtype_policy().name == before


def test_float32_leaves_the_policy_of_the_user():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        with dtype_policy("float32"):
            assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")


def test_unknown_precision_is_refused(tiny):
    with pytest.raises(
        InputError, match="Unknown precision 'float16'; choose one of: float32, mixed_bfloat16."
    ):
        tiny(precision="float16").check()


@pytest.mark.slow
@HALF
@pytest.mark.parametrize("head", ["softmax", "tv-softmax"])
def test_network_computes_in_half_precision_and_its_weights_and_probabilities_are_float32(
    train_once, precision, head
):
    model = train_once(f"{precision}-{head}", precision=precision, head=head).load_model()
    half = precision.removeprefix("mixed_")
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert len(convolutions) > 5 and {layer.compute_dtype for layer in convolutions} == {half}
    assert {variable.dtype for variable in model.weights} == {"float32"}
    assert model.output.dtype == "float32"


@pytest.mark.slow
@HALF
def test_losses_are_about_those_of_float32(train_once, trained, precision):
    def losses(run):
        return np.loadtxt(run.path / "history.csv", delimiter=",", skiprows=1, usecols=2)

    half = losses(train_once(f"{precision}-tv-softmax", precision=precision, head="tv-softmax"))
    np.testing.assert_allclose(half, losses(trained["tv-softmax"]), rtol=0.05)


@pytest.mark.slow
@HALF
def test_run_is_exported_within_the_tolerance_of_its_precision(train_once, tmp_path, precision):
    run = train_once(f"{precision}-tv-softmax", precision=precision, head="tv-softmax")
    assert (run.export(tmp_path / "served") / "saved_model.pb").is_file()
