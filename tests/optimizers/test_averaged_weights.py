"""Averages of weights (`use_ema`) beside accumulated gradients: one step, one average."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.optimizers import ALIG, BPGrad, Eve

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 3)).astype("float32")
Y = (X @ RNG.normal(size=(3, 1))).astype("float32")


def averaged(make, batch_size, in_graph=False, **options):
    """Return the weights at the end of a training over four joined batches of eight, and those of its average."""
    weights = keras.Variable(np.ones((3, 1)), dtype="float32")
    optimizer = make(use_ema=True, ema_momentum=0.8, **options)
    optimizer.build([weights])

    def step(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((x @ weights.value - y) ** 2)
        optimizer.apply([tape.gradient(loss, weights.value)], [weights], loss=loss)

    step = tf.function(step) if in_graph else step
    for start in range(0, len(X), batch_size):
        step(tf.constant(X[start : start + batch_size]), tf.constant(Y[start : start + batch_size]))
    last = weights.numpy()
    optimizer.finalize_variable_values([weights])
    return last, weights.numpy()


@pytest.mark.parametrize(
    ("kind", "in_graph", "options"),
    [
        (BPGrad, False, {}),
        (BPGrad, True, {}),
        (BPGrad, True, {"ema_overwrite_frequency": 3}),
        (ALIG, False, {}),
        (Eve, False, {}),
    ],
)
def test_four_accumulated_batches_are_averaged_as_one_batch(kind, in_graph, options):
    accumulated = averaged(kind, 2, in_graph, gradient_accumulation_steps=4, **options)
    joined = averaged(kind, 8, **options)
    np.testing.assert_allclose(accumulated[0], joined[0], rtol=2e-5)
    np.testing.assert_allclose(accumulated[1], joined[1], rtol=2e-5)


def test_average_of_accumulated_steps_is_the_recursion_over_steps():
    def ending(count):
        weights = keras.Variable(np.ones((3, 1)), dtype="float32")
        optimizer = BPGrad(10.0)
        for start in range(0, 8 * count, 8):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((X[start : start + 8] @ weights.value - Y[start : start + 8]) ** 2)
            optimizer.apply([tape.gradient(loss, weights.value)], [weights], loss=loss)
        return weights.numpy()

    average = ending(1)
    for count in (2, 3, 4):
        average = 0.8 * average + 0.2 * ending(count)
    found = averaged(lambda **o: BPGrad(10.0, **o), 2, gradient_accumulation_steps=4)[1]
    np.testing.assert_allclose(found, average, rtol=2e-5)
