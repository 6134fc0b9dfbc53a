"""Distances of all pairs of points."""

import tensorflow as tf


def squared_distances(a, b):
    """Return the squared distances `(batch, m, n)` between points `(batch, m, 3)` and `(batch, n, 3)`."""
    return tf.reduce_sum((a[:, :, None] - b[:, None]) ** 2, -1)
