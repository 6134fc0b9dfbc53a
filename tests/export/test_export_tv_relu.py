"""A U-Net whose last decoder block ends in `TVReLU`: trained in Keras, served without it."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from tests.conftest import draw_discs
from tfapp.export import export
from tfapp.export.signatures import compiled_functions
from tfapp.layers import TVReLU
from tfapp.models import build, stride_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data():
    """Noisy pictures (8, 24, 24, 3) of discs, and their labels."""
    rng = np.random.default_rng(0)
    labels = np.stack([draw_discs(rng, (24, 24), 3) for _ in range(8)])
    pictures = labels[..., None] / 3 + rng.normal(0, 0.1, (*labels.shape, 3))
    return np.clip(pictures, 0, 1).astype(np.float32), labels


@pytest.fixture(scope="module")
def trained(data):
    """Namespace of the `model`, of lambda `before` training and of the `losses` of its epochs."""
    keras.utils.set_random_seed(0)
    model = build("unet", 3, head="softmax", base_width=4, depth=2, last_activation=TVReLU(0.1, name="relu"))
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    before = float(model.get_layer("relu").current_tv_weight())
    losses = model.fit(*data, epochs=8, batch_size=4, verbose=0).history["loss"]
    return SimpleNamespace(model=model, before=before, losses=losses)


@pytest.fixture(scope="module")
def served(trained, tmp_path_factory):
    base = tmp_path_factory.mktemp("served") / "discs"
    return export(trained.model, base, stride=stride_of(trained.model), warmup_sizes=())


def test_layer_takes_the_place_of_the_last_relu(trained):
    convolution = trained.model.get_layer("up0_conv2")
    assert convolution.activation is keras.activations.linear
    assert trained.model.get_layer("relu").input is convolution.output


def test_training_lowers_the_loss_and_moves_lambda(trained):
    assert trained.losses[-1] < 0.8 * trained.losses[0]
    assert float(trained.model.get_layer("relu").current_tv_weight()) != trained.before


def test_served_labels_and_probabilities_are_those_of_keras(trained, served, session_run, data):
    answer = session_run(served, "serving_default", images=data[0])
    expected = np.asarray(trained.model(data[0], training=False))
    np.testing.assert_allclose(answer["probabilities"], expected, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(answer["labels"], expected.argmax(-1))


def test_served_graph_needs_no_xla(served):
    assert compiled_functions(served) == []
