"""Conjugate gradients for a symmetric positive definite matrix that is known by its products."""

import tensorflow as tf


def conjugate_gradients(product, right_side, num_iterations, tolerance):
    """Return x with product(x) = right_side, and the number of iterations.

    It stops where the residual is `tolerance` of the right side's norm.

    Args:
        product: Function from a vector to the matrix times it.
        right_side: Vector.
        num_iterations: Largest number of iterations, positive.
        tolerance: Relative, in [0, 1).
    """
    enough = tolerance**2 * tf.reduce_sum(right_side**2)

    def goes_on(count, x, residual, direction, square):
        del x, residual, direction
        return (count < num_iterations) & (square > enough)

    def step(count, x, residual, direction, square):
        image = product(direction)
        length = square / tf.reduce_sum(direction * image)
        residual = residual - length * image
        square_after = tf.reduce_sum(residual**2)
        direction_after = residual + square_after / square * direction
        return count + 1, x + length * direction, residual, direction_after, square_after

    start = (tf.constant(0), tf.zeros_like(right_side), right_side, right_side, tf.reduce_sum(right_side**2))
    count, x, *_ = tf.while_loop(goes_on, step, start)
    return x, count
