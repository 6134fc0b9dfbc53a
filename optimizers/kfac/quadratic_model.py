"""Quadratic model of the loss around the weights: best rate and momentum, and the rule that adapts its damping.

M(d) = g' d + d' (c F + damping I) d / 2 for a step d, the change of the loss that the exact Fisher matrix predicts
(Martens and Grosse, arXiv:1503.05671, sections 6.4, 6.5 and 7).
"""

import tensorflow as tf

# The ratio beyond which the damping falls, and below which it rises; its factor for each update between.
_TRUSTED, _DISTRUSTED = 0.75, 0.25
DAMPING_FACTOR = 0.95
# Relative to the diagonal: where both directions are nearly one, float32 cannot tell their products apart.
_JITTER = 1e-6


def best_coefficients(gram, slopes):
    """Return the coefficients of the directions that make M smallest.

    Args:
        gram: Matrix `(n, n)` of d_i' (c F + damping I) d_j of directions, of which some may be zero.
        slopes: g' d_i, `(n,)`.
    """
    diagonal = tf.linalg.diag_part(gram)
    raised = tf.where(diagonal > 0, _JITTER * diagonal, tf.ones_like(diagonal))
    matrix = tf.cast(gram + tf.linalg.diag(raised), tf.float64)
    solution = tf.linalg.cholesky_solve(tf.linalg.cholesky(matrix), tf.cast(slopes, tf.float64)[:, None])
    return -tf.cast(solution[:, 0], slopes.dtype)


def predicted_change(gram, slopes, coefficients):
    """Return M of the step with these coefficients."""
    curvature = tf.tensordot(coefficients, tf.linalg.matvec(gram, coefficients), 1)
    return tf.tensordot(slopes, coefficients, 1) + curvature / 2


def adapted_damping(damping, ratio, num_updates):
    """Return the damping after Levenberg and Marquardt's rule.

    Args:
        damping: Scalar tensor.
        ratio: Change of the loss over that predicted; what is not a number counts as a bad prediction.
        num_updates: Updates from one adaptation to the next.
    """
    factor = tf.cast(DAMPING_FACTOR**num_updates, damping.dtype)
    trusted = damping * factor
    return tf.where(ratio > _TRUSTED, trusted, tf.where(ratio >= _DISTRUSTED, damping, damping / factor))
