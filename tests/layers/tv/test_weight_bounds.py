"""A learned lambda stays within its bounds."""

import keras
import numpy as np
import pytest

from tfapp.layers import TVSoftmax
from tfapp.optimizers import ALIG, BPGrad, Eve

SHORT = {"iterations": 4, "inference_iterations": 4, "backward_iterations": 2}
RNG = np.random.default_rng(0)
TRUTH = RNG.integers(0, 3, (1, 6, 5))
# Noise as truth, which no smoothing suits, and scattered wrong pixels, which more of it mends.
SHARP = 5 * np.eye(3, dtype="float32")[TRUTH]
FLAT = np.zeros_like(TRUTH)
SCATTERED = 2 * np.eye(3, dtype="float32")[np.where(RNG.random(TRUTH.shape) < 0.3, 1, 0)]
OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(5.0),
    "adam": lambda: keras.optimizers.Adam(1.0),
    "bpgrad": lambda: BPGrad(),
    "alig": lambda: ALIG(10.0),
    "eve": lambda: Eve(1.0),
}


class Followed(keras.callbacks.Callback):
    def __init__(self, layer):
        super().__init__()
        self.layer, self.weights = layer, []

    def on_train_batch_end(self, batch, logs=None):
        self.weights.append(np.array(self.layer.current_tv_weight()))


def weights_of_steps(layer, logits, truth, optimizer):
    """Return lambda after each of four steps of a layer alone."""
    images = keras.Input((None, None, 3))
    model = keras.Model(images, layer(images))
    model.compile(optimizer, "sparse_categorical_crossentropy")
    followed = Followed(layer)
    model.fit(logits, truth, epochs=4, verbose=0, callbacks=[followed])
    return np.array(followed.weights)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["softplus", "direct"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_weight_stays_above_its_least_after_every_step_and_reaches_it(form, optimizer):
    layer = TVSoftmax(0.6, weight_form=form, weight_bounds=(0.599, None), weight_rate=100.0, **SHORT)
    weights = weights_of_steps(layer, SHARP, TRUTH, OPTIMIZERS[optimizer]())
    assert weights.min() == pytest.approx(0.599, abs=1e-6)


@pytest.mark.slow
def test_weight_stays_below_its_largest_after_every_step_and_reaches_it():
    layer = TVSoftmax(0.6, weight_bounds=(None, 0.7), **SHORT)
    weights = weights_of_steps(layer, SCATTERED, FLAT, keras.optimizers.Adam(1.0))
    assert weights.max() == pytest.approx(0.7, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("bounds", [None, (None, 0.7)])
def test_weight_without_a_lower_bound_goes_below_where_one_would_hold_it(bounds):
    layer = TVSoftmax(0.6, weight_bounds=bounds, **SHORT)
    assert weights_of_steps(layer, SHARP, TRUTH, keras.optimizers.Adam(1.0))[-1] < 0.5


@pytest.mark.slow
def test_weight_of_each_class_stays_in_the_bounds():
    layer = TVSoftmax([0.5, 0.6, 0.7], per_class=True, weight_bounds=(0.5, None), **SHORT)
    weights = weights_of_steps(layer, SHARP, TRUTH, keras.optimizers.Adam(1.0))
    np.testing.assert_allclose(weights[-1], 0.5, atol=1e-6)


@pytest.mark.slow
def test_bounds_hold_in_a_model_that_was_saved_and_loaded(tmp_path):
    images = keras.Input((None, None, 3))
    model = keras.Model(images, TVSoftmax(0.6, weight_bounds=(0.5, 0.7), **SHORT)(images))
    model.save(tmp_path / "model.keras")
    layer = keras.models.load_model(tmp_path / "model.keras").layers[-1]
    weights = weights_of_steps(layer, SHARP, TRUTH, keras.optimizers.Adam(1.0))
    assert layer.weight_bounds == (0.5, 0.7) and weights.min() >= 0.5 - 1e-6


@pytest.mark.parametrize(
    "bounds", [(0.7, 0.5), (0.5, 0.5), (-0.1, 1), (None, None), (0, np.inf), 0.5, (1, 2, 3), "ab"]
)
def test_what_bounds_nothing_is_refused(bounds):
    with pytest.raises(ValueError, match="`weight_bounds` must be a pair"):
        TVSoftmax(0.6, weight_bounds=bounds)


@pytest.mark.parametrize("weight", [0.4, 0.8, [0.6, 0.6, 0.8]])
def test_start_outside_of_the_bounds_is_refused(weight):
    with pytest.raises(ValueError, match="`tv_weight` must lie within `weight_bounds`"):
        TVSoftmax(weight, per_class=True, weight_bounds=(0.5, 0.7))


def test_weight_that_is_set_outside_of_the_bounds_is_refused():
    layer = TVSoftmax(0.6, weight_bounds=(0.5, 0.7))
    with pytest.raises(ValueError, match="Received: tv_weight=2, "):
        layer.tv_weight = 2.0
    assert layer.tv_weight == 0.6


def test_bounds_cannot_change_once_the_layer_is_built():
    layer = TVSoftmax(0.6, weight_bounds=(0.5, 0.7))
    layer(SHARP)
    with pytest.raises(ValueError, match="once the layer is built"):
        layer.weight_bounds = (0.5, 0.9)


def test_direct_weight_that_was_moved_below_0_is_none():
    layer = TVSoftmax(0.6, weight_form="direct", **SHORT)
    layer.build(SHARP.shape)
    layer.raw_tv_weight.assign(-0.5)
    np.testing.assert_allclose(layer(SHARP), keras.ops.softmax(SHARP), atol=1e-6)
