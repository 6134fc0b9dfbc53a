"""Answers with dropout against all masks that there are, and that nothing but dropout changes."""

import itertools

import keras
import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.layers import TVSoftmax
from tfapp.models import SampledAnswer, monte_carlo_dropout
from tfapp.models.monte_carlo_dropout import SampledNetwork, dropping
from tfapp.models.tiling import TiledNetwork
from tfapp.runs.progress import SILENT

KERNEL = np.array([[1.0, -1.0], [0.5, 2.0], [-3.0, 0.0]], np.float32)


def softmax(logits):
    powers = np.exp(logits)
    return powers / powers.sum(-1, keepdims=True)


def nats(probabilities):
    return -(probabilities * np.log(probabilities)).sum(-1)


@pytest.fixture
def masked():
    """A network of three inputs, of which each is dropped half of the times."""
    dense = keras.layers.Dense(2, activation="softmax", use_bias=False)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dropout(0.5), dense])
    dense.set_weights([KERNEL])
    return model


def segmenter(rate, *ends):
    x = inputs = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, padding="same")(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.SpatialDropout2D(rate)(keras.layers.ReLU()(x))
    x = keras.layers.Conv2D(3, 3, padding="same")(x)
    for end in ends:
        x = end(x)
    return keras.Model(inputs, x)


def image(height=24, width=32):
    return np.random.default_rng(0).random((1, height, width, 3), dtype=np.float32)


def test_mean_entropy_and_information_are_those_over_all_masks(masked):
    # Equally likely; what is kept is doubled.
    answers = [softmax(2 * np.array(mask) @ KERNEL) for mask in itertools.product((0.0, 1.0), repeat=3)]
    mean = np.mean(answers, 0)
    information = nats(mean) - np.mean([nats(one) for one in answers])
    # Many copies of one input, each dropped by itself, are as many answers in one.
    with dropping(masked):
        found = SampledAnswer.of(np.asarray(masked(np.ones((20_000, 3), np.float32))))
    np.testing.assert_allclose(found.probabilities, mean, atol=0.01)
    np.testing.assert_allclose(found.entropy, nats(mean), atol=0.01)
    np.testing.assert_allclose(found.mutual_information, information, atol=0.01)


def test_statistics_are_those_of_numpy():
    answers = softmax(np.random.default_rng(0).normal(size=(5, 4, 3)))
    found = SampledAnswer.of(answers)
    np.testing.assert_allclose(found.probabilities, answers.mean(0))
    np.testing.assert_allclose(found.entropy, nats(answers.mean(0)))
    np.testing.assert_allclose(found.mutual_information, nats(answers.mean(0)) - nats(answers).mean(0))


def test_seed_decides_what_is_dropped_and_the_model_is_afterwards_as_before(masked):
    x = np.ones((7, 3), np.float32)
    before, state = masked(x), np.array(masked.layers[0].seed_generator.state)
    first, again, other = (monte_carlo_dropout(masked, x, 3, seed).probabilities for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(masked(x), before)
    np.testing.assert_array_equal(masked.layers[0].seed_generator.state, state)


@pytest.mark.parametrize(
    "ends",
    [[keras.layers.Softmax()], [TVSoftmax(iterations=1, inference_iterations=40)]],
    ids=["softmax", "tv"],
)
def test_batch_normalisation_and_tv_head_are_those_of_inference(ends):
    # A rate that drops nothing in a few draws.
    model = segmenter(1e-7, *ends)
    found = monte_carlo_dropout(model, image(), 2)
    np.testing.assert_allclose(found.probabilities, model(image(), training=False), atol=1e-5)
    np.testing.assert_allclose(found.mutual_information, 0, atol=1e-5)


def test_layers_of_the_same_seed_drop_differently():
    layers = [keras.layers.Dropout(0.5, seed=3), keras.layers.Dropout(0.5, seed=3)]
    x = inputs = keras.Input((64,))
    model = keras.Model(inputs, [layer(x) for layer in layers])
    with dropping(model):
        first, second = model(np.ones((1, 64), np.float32))
    assert not np.array_equal(first, second)


def test_answer_by_tiles_is_that_of_the_whole_image_where_nothing_is_dropped():
    model = segmenter(1e-7, keras.layers.Softmax())
    network = SampledNetwork(model, 3, 2, tile=16)
    with network.drawing():
        assert network.tiling((24, 32)) is not None
        by_tiles = network.joined(image()[0], SILENT)
    expected = TiledNetwork(model, 3, "off").whole(image()[0])
    np.testing.assert_allclose(by_tiles[..., :3], expected, atol=1e-5)
    np.testing.assert_allclose(by_tiles[..., 3], nats(np.asarray(expected, np.float64)), atol=1e-4)


def test_same_image_has_the_same_answer_whatever_was_answered_before():
    model = segmenter(0.5, keras.layers.Softmax())
    network = SampledNetwork(model, 3, 3, seed=4, tile="off")
    with network.drawing():
        first, again = (network.whole(image()[0]) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first[..., -1].max() > 0


@pytest.mark.parametrize(
    ("rate", "samples", "words"),
    [(0.0, 5, "has no dropout, so that all its answers"), (0.5, 1, "`samples` must be at least 2")],
)
def test_what_nothing_can_be_told_of_is_refused(rate, samples, words):
    with pytest.raises(InputError, match=words):
        monte_carlo_dropout(segmenter(rate, keras.layers.Softmax()), image(), samples)
