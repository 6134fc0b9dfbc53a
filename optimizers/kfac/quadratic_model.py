"""Quadratic model of the loss around the weights: best rate and momentum, and the rule that adapts its damping.

M(d) = g' d + d' (c F + damping I) d / 2 for a step d, the change of the loss that the exact Fisher matrix predicts
(Martens and Grosse, arXiv:1503.05671, sections 6.4, 6.5 and 7).
"""

import tensorflow as tf

# The ratio beyond which the damping falls, and below which it rises; its factor for each update between.
_TRUSTED, DISTRUSTED = 0.75, 0.25
DAMPING_FACTOR = 0.95
# Least determinant, relative to the product of the diagonal: where both directions are nearly one, float32 cannot tell
# them apart.
_LEAST_DETERMINANT = 1e-6


def best_coefficients(gram, slopes):
    """Return the coefficients of two directions that make M smallest.

    Where the second one is zero, or that of the first up to rounding, its coefficient is 0.

    Args:
        gram: Matrix `(2, 2)` of d_i' (c F + damping I) d_j of the directions.
        slopes: g' d_i, `(2,)`.
    """
    a, b, c = gram[0, 0], gram[1, 1], gram[0, 1]
    determinant = a * b - c * c
    alone = tf.stack([tf.math.divide_no_nan(slopes[0], a), tf.zeros_like(a)])
    both = tf.stack([b * slopes[0] - c * slopes[1], a * slopes[1] - c * slopes[0]])
    is_safe = determinant > _LEAST_DETERMINANT * a * b
    # Not a solver of TensorFlow, which ends the step with an error where a matrix is singular, or NaN.
    return -tf.where(is_safe, tf.math.divide_no_nan(both, determinant), alone)


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
    return tf.where(ratio > _TRUSTED, trusted, tf.where(ratio >= DISTRUSTED, damping, damping / factor))
