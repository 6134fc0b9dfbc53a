"""Kronecker factors of a layer's part of the Fisher matrix: estimates, damping, inverses, products.

With rows a of the layer's inputs and derivatives g of -log p by what it gives before its activation, the Fisher matrix
by its weight matrix W `(inputs, outputs)` is E[(a a') x (g g')], which K-FAC takes for A x G with A = E[a a'] and
G = E[g g']. Of a convolution with T places, or a Dense layer that works at T places, A = E[sum over places of a a'] and
G = E[sum over places of g g'] / T: derivatives at different places are taken for uncorrelated.

References:
    J. Martens, R. Grosse, "Optimizing Neural Networks with Kronecker-factored Approximate Curvature", ICML 2015,
    arXiv:1503.05671, sections 3 to 6; R. Grosse, J. Martens, "A Kronecker-factored approximate Fisher matrix for
    convolution layers", ICML 2016, arXiv:1602.01407, section 4.
"""

import tensorflow as tf

# Of a factor's trace, what float32 rounds in its eigenvalues: less damping may leave it without an inverse.
_ROUNDING = 1e-7
# Bounds of pi, for layers whose inputs or derivatives are all zero.
_SMALLEST_PI, _LARGEST_PI = 1e-8, 1e8


def estimate(rows, derivatives, num_examples):
    """Return A and G of a batch.

    Args:
        rows: Inputs `(batch * places, inputs)`.
        derivatives: `(batch * places, outputs)`, of -log p of the examples themselves, not of its mean.
        num_examples: Size of the batch, scalar tensor.
    """
    num_rows = tf.cast(tf.shape(rows)[0], rows.dtype)
    return (
        tf.matmul(rows, rows, transpose_a=True) / tf.cast(num_examples, rows.dtype),
        tf.matmul(derivatives, derivatives, transpose_a=True) / num_rows,
    )


def running_average(average, latest, count, decay):
    """Return the average after its `count`-th entry, of weight 1 / count at first, and never below 1 - decay."""
    kept = tf.minimum(1 - 1 / tf.cast(count, average.dtype), tf.cast(decay, average.dtype))
    return kept * average + (1 - kept) * latest


def factor_damping(a, g, damping):
    """Return what is added to the diagonals of A and of G in place of `damping` to that of their product.

    pi sqrt(damping) and sqrt(damping) / pi with pi^2 = (tr A / inputs) / (tr G / outputs).
    """
    root = tf.sqrt(tf.cast(damping, a.dtype))
    mean_a, mean_g = (tf.linalg.trace(m) / tf.cast(m.shape[0], m.dtype) for m in (a, g))
    tiny = tf.cast(1e-30, a.dtype)
    pi = tf.sqrt(tf.maximum(mean_a, tiny)) / tf.sqrt(tf.maximum(mean_g, tiny))
    pi = tf.clip_by_value(pi, tf.cast(_SMALLEST_PI, a.dtype), tf.cast(_LARGEST_PI, a.dtype))
    return pi * root, root / pi


def damped_inverses(a, g, damping):
    """Return (A + pi sqrt(damping) I)^-1 and (G + sqrt(damping) / pi I)^-1.

    A damping that is lost in the rounding of a singular factor is raised to it.
    """
    amounts = factor_damping(a, g, damping)
    return tuple(
        _inverse(factor, tf.maximum(amount, _ROUNDING * tf.linalg.trace(factor)))
        for factor, amount in zip((a, g), amounts, strict=True)
    )


def preconditioned(gradient, inverse_a, inverse_g):
    """Return A^-1 gradient G^-1, of a gradient `(inputs, outputs)`: (A x G)^-1 times it."""
    return inverse_a @ gradient @ inverse_g


def _inverse(factor, amount):
    # float64: with a little damping the condition is beyond what float32 can invert.
    identity = tf.eye(factor.shape[0], dtype=tf.float64)
    damped = tf.cast(factor, tf.float64) + tf.cast(amount, tf.float64) * identity
    # Of a loss that is not finite its own message tells, not that of a decomposition.
    damped = tf.where(tf.reduce_all(tf.math.is_finite(damped)), damped, identity)
    inverse = tf.linalg.cholesky_solve(tf.linalg.cholesky(damped), identity)
    return tf.cast((inverse + tf.transpose(inverse)) / 2, factor.dtype)
