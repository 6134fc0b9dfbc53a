"""From the losses of alternatives to the loss of a scene."""

import itertools

import tensorflow as tf


def sign_table(instances, channels):
    """Return which rotation channel each instance has, as lists of +1 and -1.

    Args:
        instances: Number of instances N.
        channels: 1 for R alone, 2 for R and -R: then there are 2^N alternatives, the first of which has no -R.
    """
    return [list(signs) for signs in itertools.product((1.0, -1.0)[:channels], repeat=instances)]


def softmin_weights(losses, gamma):
    """Return w_i = exp(-gamma L_i / sum_j L_j) / sum_k exp(-gamma L_k / sum_j L_j) of losses `(..., alternatives)`.

    At gamma = 0 all weights are equal; as gamma grows the smallest loss wins.

    Reference:
        Y. Wu, dissertation, eq. 4.2; gamma grows by 0.002 each iteration.
    """
    total = tf.reduce_sum(losses, -1, keepdims=True)
    return tf.nn.softmax(-gamma * losses / tf.maximum(total, 1e-12), -1)


def combined_channels(losses, gamma=None):
    """Return the loss over the rotation channels: their softmin, or their smallest if gamma is None.

    The weights have no gradient: with one, a bad channel could lower the loss by getting worse.

    Args:
        losses: `(..., alternatives)`.
        gamma: Number or scalar tensor, or None for the minimum, the text's simplified variant.
    """
    if gamma is None:
        return tf.reduce_min(losses, -1)
    return tf.reduce_sum(tf.stop_gradient(softmin_weights(losses, gamma)) * losses, -1)
