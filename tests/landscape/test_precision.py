"""Layers in bfloat16, in models that stay as they are."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_segmenter import BATCH_SIZE, build_segmenter, displaced

from tfapp.errors import InputError
from tfapp.landscape import Surface, landscape
from tfapp.landscape.checks import spot_cells
from tfapp.landscape.directions.random_directions import random_directions
from tfapp.landscape.precision import computing_in
from tfapp.layers import regularise


def half(array):
    """Round to bfloat16 by its definition: the upper 16 bits of a float32, to the nearest even."""
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32).astype(np.uint64)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16 << 16
    return rounded.astype(np.uint32).view(np.float32)


def small(model, data, **options):
    options = {"n": 3, "range": 0.5, "batch_size": BATCH_SIZE, "compute_dtype": "bfloat16"} | options
    return landscape(model, *data, **options)


@pytest.fixture
def regression():
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4, use_bias=False), keras.layers.Dense(1)]
    )
    model.compile(loss="mse")
    rng = np.random.default_rng(0)
    return model, rng.standard_normal((9, 3)).astype("f4"), rng.standard_normal((9, 1)).astype("f4")


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = keras.layers.Dense(4, use_bias=False)
        self.out = keras.layers.Dense(3, "softmax")

    def call(self, inputs):
        return self.out(self.hidden(inputs))


def subclassed():
    keras.utils.set_random_seed(1)
    model = Subclassed()
    model.compile(loss="sparse_categorical_crossentropy")
    rng = np.random.default_rng(0)
    x = rng.standard_normal((9, 5)).astype("f4")
    model(x)
    return model, x, rng.integers(0, 3, 9)


@pytest.mark.slow
def test_hidden_layer_rounds_weights_and_activations_and_the_last_one_does_not(regression):
    model, x, y = regression
    plane = random_directions(model, seed=0)
    first, last, offset = (w.astype(np.float64) for w in displaced(model, plane.u, plane.v, 0.5, -0.5))
    # How a processor without instructions for bfloat16 rounds sums within a product is TensorFlow's own affair.
    hidden = tf.matmul(*(tf.constant(half(one), tf.bfloat16) for one in (x, first)))
    expected = np.mean((np.asarray(hidden, np.float64) @ last + offset - y) ** 2)
    found = small(model, (x, y)).loss[2, 0]
    assert found == pytest.approx(expected, rel=1e-5)
    assert abs(found - expected) < abs(found - landscape(model, x, y, n=3, range=0.5).loss[2, 0])


def test_softmax_of_a_subclassed_model_leaves_its_logits_to_the_loss():
    model, x, y = subclassed()
    model.out.set_weights([100 * w for w in model.out.get_weights()])  # losses beyond the clipping at 16
    exact = landscape(model, x, y, n=3, range=0.5)
    assert exact.loss.max() > 17
    np.testing.assert_allclose(small(model, (x, y)).loss, exact.loss, rtol=0.05)


@pytest.mark.parametrize("jit_compile", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_surface_is_that_of_float32_up_to_rounding(segmenter, data, jit_compile):
    exact = small(segmenter, data, compute_dtype="float32")
    half_precision = small(segmenter, data, jit_compile=jit_compile)
    assert 0 < np.abs(half_precision.loss - exact.loss).max() < 0.02 * np.ptp(exact.loss)


def test_total_variation_head_stays_in_float32(segmenter):
    model = regularise(segmenter, 0.5)
    with computing_in(model, "bfloat16"):
        dtypes = {type(layer).__name__: layer.compute_dtype for layer in model.layers}
    assert dtypes["TVSoftmax"] == "float32" and dtypes["Conv2DTranspose"] == "bfloat16"


def test_layers_after_the_last_weights_stay_in_float32_with_them():
    inputs = keras.Input((8, 8, 2))
    body = keras.layers.Conv2D(4, 3, name="body")(inputs)
    scores = keras.layers.Cropping2D(1, name="crop")(keras.layers.Conv2D(3, 1, name="scores")(body))
    model = keras.Model(inputs, keras.layers.Activation("softmax", name="link")(scores))
    with computing_in(model, "bfloat16"):
        dtypes = {layer.name: layer.compute_dtype for layer in model.layers}
    assert dtypes["body"] == "bfloat16" and {dtypes[n] for n in ("scores", "crop", "link")} == {"float32"}


def test_layers_of_a_user_keep_the_precision_they_ask_for(segmenter):
    layers = [keras.layers.Dense(2, dtype="float64"), keras.layers.Dense(2, dtype="mixed_float16")]
    model = keras.Sequential([keras.Input((2,)), *layers, keras.layers.Dense(2), keras.layers.Dense(1)])
    with computing_in(model, "bfloat16"):
        assert [layer.compute_dtype for layer in model.layers] == [
            "float64",
            "float16",
            "bfloat16",
            "float32",
        ]


@pytest.mark.slow
def test_model_is_bit_for_bit_what_it_was(segmenter, data):
    model = regularise(segmenter, 0.5)
    model.compile(loss="sparse_categorical_crossentropy")
    layers = model._flatten_layers()
    policies, weights = [layer.dtype_policy for layer in layers], model.get_weights()
    small(model, data)
    assert all(layer.dtype_policy is policy for layer, policy in zip(layers, policies, strict=True))
    assert all(a.tobytes() == b.tobytes() for a, b in zip(weights, model.get_weights(), strict=True))


def test_an_error_within_gives_the_policies_back(segmenter):
    with pytest.raises(KeyboardInterrupt), computing_in(segmenter, "bfloat16"):
        raise KeyboardInterrupt
    assert {layer.dtype_policy.name for layer in segmenter.layers} == {"float32"}


@pytest.mark.slow
def test_weight_decay_is_that_of_float32_weights(data):
    model = build_segmenter(keras.regularizers.L2(0.1))
    exact = small(model, data, compute_dtype="float32")
    np.testing.assert_array_equal(small(model, data).regularisation, exact.regularisation)


@pytest.mark.slow
def test_statistics_can_be_estimated_anew_in_bfloat16(segmenter, data):
    exact = small(segmenter, data, compute_dtype="float32", reestimate=True)
    found = small(segmenter, data, reestimate=True)
    assert 0 < np.abs(found.loss - exact.loss).max() < 0.02 * np.ptp(exact.loss)


@pytest.mark.slow
def test_centre_is_measured_in_float32_and_agrees_with_evaluate(segmenter, data):
    surface = small(segmenter, data)
    assert surface.centre == small(segmenter, data, compute_dtype="float32").centre != surface.loss[1, 1]
    assert abs(surface.metadata["self_check"]["centre_minus_evaluate"]) < 1e-6


@pytest.mark.slow
def test_spot_check_tells_the_largest_deviation_at_its_points(segmenter, data):
    exact, surface = small(segmenter, data, compute_dtype="float32"), small(segmenter, data)
    deviations = [
        abs(surface.loss[cell] - exact.loss[cell]) for cell in [(0, 0), (0, 2), (2, 0), (2, 2), (1, 1)]
    ]
    found = surface.metadata["spot_check"]
    assert found["points"] == 5 and found["max_deviation"] == pytest.approx(max(deviations), rel=1e-9)
    assert found["max_deviation_share"] == pytest.approx(max(deviations) / np.ptp(surface.loss), rel=1e-9)


def test_spot_checks_are_spread_over_cells_that_every_plan_measures():
    surface = Surface.empty(33)
    surface.status[:] = 1
    assert spot_cells(surface) == [(0, 0), (0, 32), (32, 0), (32, 32), (8, 8), (24, 8), (16, 16)]


def test_line_has_its_spot_checks_on_it():
    surface = Surface.empty(9, line=True)
    surface.status[:] = 1
    assert spot_cells(surface) == [(0, 0), (8, 0), (2, 0), (6, 0), (4, 0)]


def test_surface_in_float32_has_no_spot_check(segmenter, data):
    assert "spot_check" not in small(segmenter, data, compute_dtype="float32").metadata


@pytest.mark.slow
def test_a_file_of_the_other_precision_is_refused(segmenter, data, tmp_path):
    small(segmenter, data, path=tmp_path / "surface.npz")
    with pytest.raises(InputError, match=r"changed: compute_dtype \(was bfloat16, is float32\)"):
        small(segmenter, data, path=tmp_path / "surface.npz", compute_dtype="float32")


@pytest.mark.slow
def test_a_file_from_before_there_was_a_choice_goes_on_in_float32_only(segmenter, data, tmp_path):
    path = tmp_path / "surface.npz"
    surface = small(segmenter, data, path=path, compute_dtype="float32")
    del surface.metadata["key"]["compute_dtype"]
    surface.save(path)
    np.testing.assert_array_equal(
        small(segmenter, data, path=path, compute_dtype="float32").loss, surface.loss
    )
    with pytest.raises(InputError, match=r"compute_dtype \(was float32, is bfloat16\)"):
        small(segmenter, data, path=path)


@pytest.mark.slow
def test_interrupted_surface_ends_with_the_file_of_a_whole_one(segmenter, data, tmp_path):
    def interrupt(done, _):
        if done == 7:
            raise KeyboardInterrupt

    small(segmenter, data, path=tmp_path / "whole.npz")
    with pytest.raises(KeyboardInterrupt):
        small(segmenter, data, path=tmp_path / "parts.npz", progress=interrupt)
    small(segmenter, data, path=tmp_path / "parts.npz")
    assert (tmp_path / "parts.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()


class Mixing(keras.layers.Layer):
    def build(self, shape):
        self.scale = tf.constant(2.0)

    def call(self, inputs):
        return tf.multiply(inputs, self.scale)


def test_a_layer_that_insists_on_float32_is_refused_before_anything_is_written(data, tmp_path):
    inputs = keras.Input((8, 8, 2))
    outputs = keras.layers.Conv2D(3, 1)(Mixing()(inputs))
    model = keras.Model(inputs, outputs)
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    with pytest.raises(InputError, match=r"in float32 \(.*Mixing.call.*bfloat16") as error:
        small(model, data, path=tmp_path / "surface.npz")
    assert "\n" not in str(error.value) and list(tmp_path.iterdir()) == []


def test_a_model_without_hidden_layers_is_refused(data):
    inputs = keras.Input((8, 8, 2))
    model = keras.Model(inputs, keras.layers.Conv2D(3, 1, activation="softmax")(inputs))
    model.compile(loss="sparse_categorical_crossentropy")
    with pytest.raises(InputError, match="hidden layers that compute in float32"):
        small(model, data)


def test_another_precision_is_refused(segmenter, data):
    with pytest.raises(InputError, match="must be one of float32, bfloat16.*compute_dtype='float16'"):
        small(segmenter, data, compute_dtype="float16")
