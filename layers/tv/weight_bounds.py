"""Bounds of a learned lambda: their check, and the constraint on what is trained that keeps them."""

import math
import numbers

import keras
import numpy as np
import tensorflow as tf

from tfapp.layers.arguments import inverse_softplus


def checked_bounds(bounds):
    """Return bounds of lambda as a pair of floats or None, or None without any.

    Raises:
        ValueError: Unless they are a pair (least, largest), 0 <= least < largest, either of which may be None.
    """
    if bounds is None:
        return None
    try:
        least, largest = bounds
    except (TypeError, ValueError):
        raise _no_bounds(bounds) from None
    given = [bound for bound in (least, largest) if bound is not None]
    if not given or not all(_is_bound(bound) for bound in given):
        raise _no_bounds(bounds)
    if largest is not None and not (0 if least is None else least) < largest:
        raise _no_bounds(bounds)
    return tuple(None if bound is None else float(bound) for bound in (least, largest))


def _is_bound(bound):
    return isinstance(bound, numbers.Real) and math.isfinite(bound) and bound >= 0


def _no_bounds(bounds):
    return ValueError(
        "`weight_bounds` must be a pair (least, largest) of finite numbers, 0 <= least < largest, one of which may be "
        f"None. Received: weight_bounds={bounds!r}"
    )


def check_within(tv_weight, bounds):
    """Raise ValueError for a lambda, or one of several, that lies outside of its bounds."""
    if bounds is None:
        return
    least, largest = bounds
    outside = [
        weight
        for weight in np.atleast_1d(tv_weight)
        if (least is not None and weight < least) or (largest is not None and weight > largest)
    ]
    if outside:
        raise ValueError(
            f"`tv_weight` must lie within `weight_bounds`. Received: tv_weight={outside[0]:g}, "
            f"weight_bounds={bounds}"
        )


def raw_constraint(weight_form, weight_bounds):
    """Return the constraint on what is trained, or None where nothing bounds it."""
    if weight_form == "softplus" and weight_bounds is None:
        return None
    return RawWeightBounds(weight_form, weight_bounds)


@keras.saving.register_keras_serializable(package="tfapp")
class RawWeightBounds(keras.constraints.Constraint):
    """Hold the number that is trained where lambda lies within its bounds; optimizers apply it after every step.

    Args:
        weight_form: Of the layer: `"softplus"`, the number is one whose softplus is lambda, or `"direct"`, lambda.
        weight_bounds: As of the layer, or None for those of the form alone: 0 of `"direct"`.
    """

    def __init__(self, weight_form, weight_bounds=None):
        self.weight_form, self.weight_bounds = weight_form, checked_bounds(weight_bounds)

    def __call__(self, raw):
        least, largest = self.weight_bounds or (None, None)
        if self.weight_form == "direct":
            low, high = least or 0.0, largest
        else:
            # The softplus of no number is 0.
            low, high = (inverse_softplus(bound) if bound else None for bound in (least, largest))
        if low is not None:
            raw = tf.maximum(raw, tf.cast(low, raw.dtype))
        return raw if high is None else tf.minimum(raw, tf.cast(high, raw.dtype))

    def get_config(self):
        return {"weight_form": self.weight_form, "weight_bounds": self.weight_bounds}
