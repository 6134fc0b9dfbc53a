"""Gradient norms of the first updates, and the Lipschitz constant that they suggest."""

import tensorflow as tf


def recorded(norms, norm):
    """Return the norms `(n,)` with this one in the first free place; free places hold a negative number."""
    count = tf.reduce_sum(tf.cast(norms >= 0, tf.int32))
    return tf.where(tf.equal(tf.range(norms.shape[0]), count), norm, norms)


def is_complete(norms):
    """Return whether no place is free."""
    return norms[-1] >= 0


def quantile_of(norms, quantile):
    """Return the smallest norm that at least this share of the norms `(n,)` does not exceed."""
    rank = -int(-quantile * norms.shape[0] // 1) - 1
    return tf.sort(norms)[rank]
