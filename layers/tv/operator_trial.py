"""Trial of a linear operator before it is used: its adjoint, its norm, its form."""

from functools import lru_cache

import numpy as np
import tensorflow as tf

_SIZES = (6, 5, 4)
_POWER_ITERATIONS = 50


@lru_cache(maxsize=64)
def check_operator(operator, axes, classes):
    """Try an operator at small random planes in float64.

    Args:
        operator: A `LinearOperator`.
        axes: Number of spatial axes.
        classes: Number of classes.

    Raises:
        ValueError: It is not linear, `adjoint` is not its adjoint, `norm_squared` not a bound of its norm, or its
            parts are not what `groups` tells.
    """

    def refuse(what):
        raise ValueError(f"The operator {operator!r} cannot be used: {what}.")

    with tf.init_scope():
        generator = np.random.default_rng(0)

        def random(shape):
            return tf.constant(generator.standard_normal(tuple(shape)))

        shape = (classes, 2, *_SIZES[:axes])
        tried = operator.given(random((1, *shape[1:]))) if operator.needs_guide else operator
        a, b = random(shape), random(shape)
        field = tried.apply(a)
        groups = tuple(operator.groups(axes))
        if not isinstance(field, tuple) or len({tuple(part.shape) for part in field}) != 1:
            refuse("`apply` must return a tuple of tensors of one shape")
        if len(field) != sum(groups) or min(groups) < 1:
            refuse(f"`groups` tells {groups}, {sum(groups)} parts, but `apply` returns {len(field)}")
        if tuple(field[0].shape[1:]) != shape[1:]:
            refuse(
                f"`apply` must keep batch and pixels: planes {shape} became {tuple(field[0].shape)}; fill with zeros "
                "what has no neighbour"
            )
        other, both = tried.apply(b), tried.apply(a - 2.0 * b)
        linear = [one - 2.0 * two for one, two in zip(field, other, strict=True)]
        if _length(_less(both, linear)) > 1e-8 * (_length(linear) + 1e-12):
            refuse("`apply` must be linear")
        p = tuple(random(part.shape) for part in field)
        back = tried.adjoint(p)
        if tuple(back.shape) != shape:
            refuse(f"`adjoint` must return planes {shape}, as `apply` takes them, not {tuple(back.shape)}")
        there, here = _inner(field, p), _inner([a], [back])
        if abs(there - here) > 1e-8 * _length(field) * _length(p):
            refuse(
                f"`adjoint` is not the adjoint of `apply`: <K a, p> = {there:.6g}, <a, K^T p> = {here:.6g}"
            )
        bound, largest = operator.norm_squared(axes), _norm_squared(tried, a)
        if not (np.isfinite(bound) and bound > 0 and largest <= bound * (1 + 1e-6)):
            refuse(f"`norm_squared` must be a bound of |K|^2, at least {largest:.6g}, not {bound:.6g}")


def _norm_squared(operator, a):
    """Return |K|^2 from below, by power iteration."""
    largest = 0.0
    for _ in range(_POWER_ITERATIONS):
        a = a / tf.maximum(tf.norm(a), np.finfo(float).tiny)
        field = operator.apply(a)
        largest = _inner(field, field)
        a = operator.adjoint(field)
    return largest


def _less(field, other):
    return [one - two for one, two in zip(field, other, strict=True)]


def _length(field):
    return _inner(field, field) ** 0.5


def _inner(field, other):
    return sum(float(tf.reduce_sum(one * two)) for one, two in zip(field, other, strict=True))
