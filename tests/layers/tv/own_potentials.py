"""A potential as a user writes it."""

import tensorflow as tf

from tfapp.layers import Potential

SOFT_SQUARE = Potential(
    "soft-square",
    terms=lambda u: tf.sqrt(1.0 + u**2),
    gradient=lambda u: u / tf.sqrt(1.0 + u**2),
    jacobian=lambda a, v: (1.0 - a**2) ** 1.5 * v,
    bound=1.0,
)
