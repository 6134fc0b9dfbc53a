"""Slopes of the loss along a path of weights, and what they say of its Lipschitz constant."""

import tensorflow as tf


def recorded(slopes, loss, last_loss, length):
    """Return the slopes with |loss - last_loss| / length in the first free place.

    Args:
        slopes: `(n,)`; places that none was written to hold a negative number.
        loss: Loss after a displacement, scalar.
        last_loss: Loss before it, scalar.
        length: Length of the displacement; with 0 or a loss that is not finite nothing is recorded.
    """
    slope = tf.abs(loss - last_loss) / length
    count = tf.reduce_sum(tf.cast(slopes >= 0, tf.int32))
    is_free = tf.equal(tf.range(slopes.shape[0]), count)
    return tf.where(is_free & tf.math.is_finite(slope), slope, slopes)


def slope_quantile(slopes, quantile):
    """Return the smallest slope that at least this share of the slopes `(n,)` does not exceed."""
    rank = -int(-quantile * slopes.shape[0] // 1) - 1
    return tf.sort(slopes)[rank]
