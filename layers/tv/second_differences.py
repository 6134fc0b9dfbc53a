"""Differences of first and of second order, against staircases."""

import itertools

import keras
import tensorflow as tf

from tfapp.layers.arguments import check_positive, checked_spacing
from tfapp.layers.tv.linear_operator import LinearOperator
from tfapp.layers.tv.operators import (
    adjoint_differences,
    differences_norm_squared,
    forward_differences,
    unit_spacing,
)
from tfapp.layers.tv.shifts import along, beyond


@keras.saving.register_keras_serializable(package="tfapp")
class SecondDifferences(LinearOperator):
    """Differences of first and of second order: lambda * (|D a| + weight * |D^2 a|), against staircases.

    The second length is that of all second derivatives at a pixel, the mixed ones twice; those that would read beyond
    the border are 0.

    Args:
        weight: Float > 0, the weight of the second order beside the first, in units of a pixel.
        spacing: Distance of neighbours along each spatial axis, or None for 1.

    Reference:
        K. Papafitsoros, C.-B. Schoenlieb, "A Combined First and Second Order Variational Approach for Image
        Reconstruction", Journal of Mathematical Imaging and Vision 48, 2014, eq. (1.4). It is simpler than the total
        generalised variation of Bredies, Kunisch and Pock (2010), with the same effect on slopes.
    """

    reach = 2

    def __init__(self, weight=1.0, spacing=None):
        check_positive(weight=weight)
        self.weight = float(weight)
        self.spacing = checked_spacing(spacing=spacing)

    def apply(self, planes):
        spacing = unit_spacing(planes, self.spacing)
        first = forward_differences(planes, spacing)
        parts = list(first)
        for one, other in itertools.combinations_with_replacement(range(len(spacing)), 2):
            if one == other:
                parts.append(self.weight * _change(first[one], one, spacing))
            else:
                mixed = forward_differences(first[one], spacing)[other]
                parts.append(self.weight * 2**0.5 * mixed)
        return tuple(parts)

    def adjoint(self, field):
        spacing = unit_spacing(field[0], self.spacing)
        axes = len(spacing)
        first = list(field[:axes])
        seconds = itertools.combinations_with_replacement(range(axes), 2)
        for (one, other), part in zip(seconds, field[axes:], strict=True):
            if one == other:
                first[one] += self.weight * _change_adjoint(part, one, spacing)
            else:
                alone = [tf.zeros_like(part)] * axes
                alone[other] = part
                first[one] += self.weight * 2**0.5 * adjoint_differences(alone, spacing)
        return adjoint_differences(first, spacing)

    def norm_squared(self, axes):
        first = differences_norm_squared(axes, self.spacing)
        return first + self.weight**2 * first**2

    def groups(self, axes):
        return (axes, axes * (axes + 1) // 2)

    def get_config(self):
        return {"weight": self.weight, "spacing": self.spacing}


def _change(first, axis, spacing):
    """Return the change of forward differences along their own axis, 0 at both ends."""
    before = beyond(first, along(axis, len(spacing), -1))
    return _inner_mask(first, axis, len(spacing)) * (first - before) / spacing[axis]


def _change_adjoint(part, axis, spacing):
    live = _inner_mask(part, axis, len(spacing)) * part / spacing[axis]
    return live - beyond(live, along(axis, len(spacing), 1))


def _inner_mask(planes, axis, axes):
    """Return 1 where an index along an axis is neither the first nor the last, else 0."""
    size = tf.shape(planes)[2 + axis]
    index = tf.range(size)
    inner = tf.cast((index > 0) & (index < size - 1), planes.dtype)
    return tf.reshape(inner, [-1 if other == axis else 1 for other in range(axes)])
