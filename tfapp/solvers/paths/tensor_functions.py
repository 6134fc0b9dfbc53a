"""The analytic functions in TensorFlow, which differentiates them for the optimizers."""

import tensorflow as tf


def _sum_of_sines(offset):
    return lambda x: tf.reduce_sum(x * tf.sin(x)) + offset


def _rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


# From a vector (dimension,) to a scalar; the formulas of `functions.FUNCTIONS` under the same names.
TENSOR_FUNCTIONS = {
    "f1": _sum_of_sines(4.815),
    "f2": _sum_of_sines(11.05),
    "f3": _sum_of_sines(15.0),
    "rosenbrock": _rosenbrock,
}
