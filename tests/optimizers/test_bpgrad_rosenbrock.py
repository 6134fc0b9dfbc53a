"""The dissertation's Rosenbrock run through `fit()`."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.optimizers import BPGrad

pytestmark = pytest.mark.slow

START, UPDATES, LIPSCHITZ, RHO = (-1.2, 2.5), 4000, 500.0, 0.1


class Rosenbrock(keras.Model):
    """A network without inputs that matter: its output is the function at its two weights."""

    def __init__(self):
        super().__init__()
        self.point = self.add_weight(shape=(2,), initializer=lambda shape, dtype: tf.constant(START, dtype))

    def call(self, inputs):
        x, y = self.point[0], self.point[1]
        return tf.zeros_like(inputs) + (1 - x) ** 2 + 100 * (y - x**2) ** 2


def numpy_loop(momentum):
    point, velocity, best = np.array(START), np.zeros(2), np.inf
    for _ in range(UPDATES):
        x, y = point
        value = (1 - x) ** 2 + 100 * (y - x**2) ** 2
        gradient = np.array([-2 * (1 - x) - 400 * x * (y - x**2), 200 * (y - x**2)])
        best = min(best, value)
        eta = (value - RHO * best) / LIPSCHITZ
        velocity = momentum * velocity - eta * gradient / np.linalg.norm(gradient)
        point = point + velocity
    return point


# notes of the verification of table 3.1, which has (0.77, 0.60) and (0.97, 0.95).
@pytest.mark.parametrize("momentum, expected", [(0.0, (0.7732, 0.5968)), (0.9, (0.9719, 0.9445))])
def test_end_of_4000_updates(momentum, expected):
    model = Rosenbrock()
    model.compile(BPGrad(LIPSCHITZ, rho=RHO, momentum=momentum), lambda truth, value: tf.reduce_mean(value))
    nothing = np.zeros((UPDATES, 1), "float32")
    model.fit(nothing, nothing, batch_size=1, verbose=0)
    np.testing.assert_allclose(model.point.numpy(), expected, atol=5e-5)
    np.testing.assert_allclose(model.point.numpy(), numpy_loop(momentum), atol=1e-5)
