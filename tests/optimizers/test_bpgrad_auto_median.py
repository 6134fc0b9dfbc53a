"""`BPGrad("auto-median")`: the first steps, the constant that follows from them, and the longest step after."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.optimizers.algorithm2 import loss_and_gradients
from tfapp.optimizers import BPGrad

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 4)).astype("float32")
Y = (X @ RNG.normal(size=(4, 2))).astype("float32")
FIRST = 9


class Watch(keras.callbacks.Callback):
    """Keeps the weights and what was measured after every step."""

    def __init__(self):
        super().__init__()
        self.weights, self.measured = [], []

    def on_train_begin(self, logs=None):
        self.weights.append(self.model.get_weights())

    def on_train_batch_end(self, batch, logs=None):
        self.weights.append(self.model.get_weights())
        self.measured.append(self.model.optimizer.measured())


def watched(steps, scale=1.0, weight=1.0, **options):
    """Train on the same batch, with targets of a scale and a loss of a weight; return the watch and the model."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(2)])
    jit = options.pop("jit_compile", False)
    model.compile(
        BPGrad("auto-median", auto_steps=FIRST, **options), "mse", loss_weights=weight, jit_compile=jit
    )
    watch = Watch()
    # One epoch: every epoch would open a data pipeline of its own, which takes longer than a step.
    inputs, targets = np.tile(X, (steps, 1)), np.tile(scale * Y, (steps, 1))
    model.fit(inputs, targets, batch_size=32, shuffle=False, verbose=0, callbacks=[watch])
    return watch, model


def norm(arrays):
    return np.sqrt(sum(np.sum(np.square(array)) for array in arrays))


def gradient_norms(watch, model):
    """Return the norms by a tape at the weights before each step."""

    def loss_of(model, batch):
        return tf.reduce_mean((model(batch[0]) - batch[1]) ** 2)

    norms = []
    for weights in watch.weights[:-1]:
        model.set_weights(weights)
        norms.append(norm(loss_and_gradients(model, loss_of, (X, Y))[1]))
    return norms


def test_first_steps_are_a_hundredth_of_the_norm_of_the_weights():
    watch, _ = watched(3, momentum=0.0)
    for before, after in zip(watch.weights, watch.weights[1:], strict=False):
        way = norm([b - a for a, b in zip(before, after, strict=True)])
        assert way == pytest.approx(0.01 * norm(before), rel=1e-4)


@pytest.mark.parametrize(
    "option", [{"clipvalue": 0.01}, {"clipnorm": 0.01}, {"global_clipnorm": 0.01}], ids=str
)
def test_constant_is_that_of_the_loss_and_not_of_clipped_gradients(option):
    watch, model = watched(FIRST + 1, auto_quantile=1.0, momentum=0.0, **option)
    norms = gradient_norms(watch, model)[:FIRST]
    assert max(norms) > 0.1
    assert watch.measured[-1]["lipschitz"] == pytest.approx(max(norms), rel=1e-3)


def test_momentum_is_counted_in():
    watch, _ = watched(1, momentum=0.9)
    way = norm([b - a for a, b in zip(*watch.weights, strict=True)])
    assert way == pytest.approx(0.001 * norm(watch.weights[0]), rel=1e-3)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_first_step_from_all_zero_weights_is_that_of_weights_of_a_hundredth_each(momentum):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, kernel_initializer="zeros")])
    model.compile(BPGrad("auto-median", momentum=momentum), "mse", jit_compile=False)
    model.fit(X, X, batch_size=32, verbose=0)
    expected = 0.01 * (1 - momentum) * 0.01 * np.sqrt(4 * 4 + 4)
    assert norm(model.get_weights()) == pytest.approx(expected, rel=1e-4)


def test_all_zero_weights_of_a_linear_model_are_trained():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, kernel_initializer="zeros")])
    model.compile(BPGrad("auto-median", auto_steps=20), "mse", jit_compile=False)
    # With a number of steps, all epochs share one data pipeline; opening one takes longer than an epoch.
    batches = tf.data.Dataset.from_tensor_slices((X, Y)).batch(8).repeat()
    losses = model.fit(batches, steps_per_epoch=4, epochs=120, shuffle=False, verbose=0).history["loss"]
    assert losses[-1] < 0.1 * losses[0]


@pytest.mark.parametrize("jit_compile", [True, False])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_constant_is_the_median_gradient_norm_of_the_first_steps(momentum, jit_compile):
    watch, model = watched(FIRST + 3, momentum=momentum, jit_compile=jit_compile)
    expected = np.median(gradient_norms(watch, model)[:FIRST]) / np.sqrt(1 - momentum**2)
    found = [measured["lipschitz"] for measured in watch.measured]
    assert found[:FIRST] == [0.0] * FIRST
    assert found[FIRST:] == pytest.approx([expected] * 3, rel=1e-4)


def test_larger_quantile_gives_a_larger_constant():
    watch, model = watched(FIRST + 1, auto_quantile=1.0, momentum=0.0)
    assert watch.measured[-1]["lipschitz"] == pytest.approx(
        max(gradient_norms(watch, model)[:FIRST]), rel=1e-4
    )


@pytest.mark.parametrize("jit_compile", [True, False])
def test_no_step_is_longer_than_a_fiftieth_of_the_norm_of_the_weights(jit_compile):
    watch, _ = watched(2 * FIRST + 3, scale=100.0, momentum=0.0, jit_compile=jit_compile)
    steps = [measured["step_size"] for measured in watch.measured]
    for first in (FIRST, 2 * FIRST):  # the norm is looked at again every `auto_steps` updates
        longest = 0.02 * norm(watch.weights[first])
        assert steps[first : first + 3] == pytest.approx([longest] * 3, rel=1e-4)


@pytest.fixture(scope="module")
def unweighted_losses():
    return np.array([measured["loss"] for measured in watched(60)[0].measured])


@pytest.mark.parametrize("weight", [0.01, 100.0])
def test_unit_of_the_loss_does_not_matter(unweighted_losses, weight):
    losses = [measured["loss"] for measured in watched(60, weight=weight)[0].measured]
    np.testing.assert_allclose(losses, weight * unweighted_losses, rtol=1e-2)
    assert losses[-1] < 0.5 * losses[0]


def test_constant_loss_gives_no_constant_and_moves_nothing():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.compile(
        BPGrad("auto-median", auto_steps=2), lambda truth, output: 1.0 + 0.0 * tf.reduce_mean(output)
    )
    before = model.get_weights()
    with pytest.warns(UserWarning, match="skipped every step because the gradient was zero"):
        model.fit(X, Y, batch_size=8, verbose=0)
    assert model.optimizer.measured()["lipschitz"] == 0 and model.optimizer.measured()["num_skipped"] == 4
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_weights_of_double_precision_are_trained():
    keras.utils.set_random_seed(1)
    layers = [keras.Input((4,), dtype="float64"), keras.layers.Dense(2, dtype="float64")]
    model = keras.Sequential(layers)
    model.compile(BPGrad("auto-median", auto_steps=3), "mse")
    losses = model.fit(X, Y, batch_size=8, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
