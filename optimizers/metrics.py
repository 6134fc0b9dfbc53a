"""Metrics in which a loss-aware rule measures gradients: Euclid's, and that of the running squares of the gradient."""

import math

import tensorflow as tf

from tfapp.optimizers.updates import global_norm, sum_of_products

# Share of the running squares that is kept at every step, as Adam has it.
KEPT_SQUARES = 0.999


class Euclidean:
    """The metric of the plain gradient: its length is the norm over all variables, its direction is itself.

    Args:
        gradients: Gradients of the loss, one for each variable.
        dtype: Of the norms.

    Attributes:
        norm: Scalar, that of the gradients of the loss over all variables.
        slots: Nothing is kept between steps.
    """

    def __init__(self, gradients, dtype):
        self._dtype, self.norm, self.slots = dtype, global_norm(gradients, dtype), []

    def length(self, gradients):
        """Return the length of a gradient over all variables."""
        return global_norm(gradients, self._dtype)

    def direction(self, gradients):
        """Return along what the variables move, one tensor for each variable: steepest descent in this metric."""
        return gradients


class RunningSquares:
    """The metric D = sqrt(s) per weight, where s <- (1 - gain) s + gain g^2 is the running square of its gradient.

    A step z has the length |z|_D = sqrt(sum D z^2), a gradient the length |g|_* = sqrt(sum g^2 / D) of the dual norm:
    a loss with constant L in this metric obeys |f(x) - f(y)| <= L |x - y|_D where |g|_* <= L. Its steepest descent of
    length 1 is D^-1 g / |g|_*. A weight that never had a gradient does not move.

    Args:
        gradients: Gradients of the loss, one for each variable.
        squares: Slots of the running squares, one for each variable.
        gain: Share of the new square, in (0, 1], see `gain_of`.
        allowed: Whether this step is taken if there is a finite gradient: where it is not taken the squares stay.
        dtype: Of the norms.

    Attributes:
        norm: |g|_*.
        slots: Pairs of the new squares and the variables that keep them.
    """

    def __init__(self, gradients, squares, gain, allowed, dtype):
        self._dtype, self._gradients = dtype, gradients
        before = [tf.convert_to_tensor(slot) for slot in squares]
        after = [_next_square(*pair, gain) for pair in zip(gradients, before, strict=True)]
        self._directions = _divided(gradients, after)
        self.norm = self._length(gradients, self._directions)
        # Not by a Euclidean norm first: that is another pass over all gradients.
        moves = allowed & tf.math.is_finite(self.norm) & (self.norm > 0)
        self._squares = [tf.where(moves, *pair) for pair in zip(after, before, strict=True)]
        self.slots = [(square, slot.value) for square, slot in zip(self._squares, squares, strict=True)]

    def length(self, gradients):
        """Return the length of a gradient over all variables, in the dual norm."""
        return self._length(gradients, self.direction(gradients))

    def direction(self, gradients):
        """Return D^-1 g, one tensor for each variable."""
        return self._directions if gradients is self._gradients else _divided(gradients, self._squares)

    def _length(self, gradients, directions):
        products = [
            sum_of_products(tf.cast(gradient, self._dtype), tf.cast(direction, self._dtype))
            for gradient, direction in zip(gradients, directions, strict=True)
        ]
        return tf.sqrt(tf.add_n(products))


def _next_square(gradient, square, gain):
    gain = tf.cast(gain, square.dtype)
    return square + gain * (tf.square(tf.cast(gradient, square.dtype)) - square)


def _divided(gradients, squares):
    return [
        tf.math.divide_no_nan(tf.cast(gradient, square.dtype), tf.sqrt(square))
        for gradient, square in zip(gradients, squares, strict=True)
    ]


def gain_of(kept, count):
    """Return how much the next number counts in a running mean of `count` numbers so far.

    m <- (1 - gain) m + gain x is the mean that keeps the share `kept` at every step, corrected for its beginning as
    Adam's are: (1 - kept) sum_i kept^(t - i) x_i / (1 - kept^t). The first number counts wholly.
    """
    return (1.0 - kept) / -tf.math.expm1(math.log(kept) * (count + 1))
