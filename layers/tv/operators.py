"""Total variation of images and volumes: its operators, the weights of its edges, checks of what they are given."""

import math
import warnings

import numpy as np
import tensorflow as tf


def to_planes(tensor):
    """Return (batch, *spatial, classes) as planes (classes, batch, *spatial)."""
    rank = tensor.shape.rank
    return tf.transpose(tensor, [rank - 1, *range(rank - 1)])


def from_planes(planes):
    """Return planes (classes, batch, *spatial) as (batch, *spatial, classes)."""
    rank = planes.shape.rank
    return tf.transpose(planes, [*range(1, rank), 0])


def forward_differences(planes, spacing=(1.0, 1.0)):
    """Return D a: the forward difference along each spatial axis, zero at its last index.

    Args:
        planes: float tensor a (..., *spatial) of known rank.
        spacing: one positive number per spatial axis; differences are divided by it.

    Returns:
        Tuple of tensors of the shape of `planes`, one per spatial axis (vertical, horizontal for images).
    """
    return tuple(
        _pad(_from(planes, axis, 1) - _until(planes, axis, -1), axis, (0, 1)) / h
        for axis, h in _axes(spacing)
    )


def divergence(field, spacing=(1.0, 1.0)):
    """Return div p = -D^T p for a field p of planes (..., *spatial), one per spatial axis.

    The last index along a part's own axis does not enter: D never produces it, and reading it would
    break <D a, p> = -<a, div p> at the border.
    """
    total = 0.0
    for part, (axis, h) in zip(field, _axes(spacing), strict=True):
        live = _until(part, axis, -1)
        total += (_pad(live, axis, (0, 1)) - _pad(live, axis, (1, 0))) / h
    return total


def length(field, isotropic=True):
    """Return the pointwise length of a field: Euclidean if isotropic, else the sum of absolute values."""
    if isotropic:
        return tf.sqrt(tf.add_n([tf.square(part) for part in field]))
    return tf.add_n([tf.abs(part) for part in field])


def project(field, radius, isotropic=True):
    """Project every vector of a field onto the ball (isotropic) or cube of the given radius.

    Args:
        field: tuple of planes, one per spatial axis.
        radius: non-negative tensor that broadcasts to the planes.
        isotropic: ball if True, cube otherwise.

    Returns:
        Tuple of planes.
    """
    if not isotropic:
        return tuple(tf.clip_by_value(part, -radius, radius) for part in field)
    squared = tf.add_n([tf.square(part) for part in field])
    # The least positive number keeps radius 0 at 0 instead of 0/0.
    floor = tf.maximum(tf.square(radius), squared.dtype.as_numpy_dtype(np.finfo("float32").tiny))
    scale = radius * tf.math.rsqrt(tf.maximum(squared, floor))
    return tuple(part * scale for part in field)


def total_variation(a, isotropic=True, spacing=None):
    """Return TV(a) per sample, shape (batch,): the sum of |D a| over pixels and classes.

    Args:
        a: float tensor (batch, *spatial, classes), one to three spatial axes.
        isotropic: Euclidean length of each difference vector if True, sum of absolute values otherwise.
        spacing: distance of neighbours along each spatial axis (the voxel size); 1 if None.
    """
    planes = to_planes(tf.convert_to_tensor(a))
    return per_sample(length(forward_differences(planes, unit_spacing(planes, spacing)), isotropic))


def unit_spacing(planes, spacing=None):
    """Return `spacing` as a tuple of floats, or 1 for every spatial axis of the planes."""
    return (1.0,) * (planes.shape.rank - 2) if spacing is None else tuple(float(h) for h in spacing)


def per_sample(planes):
    """Return the sum of planes (classes, batch, *spatial) for each sample, shape (batch,)."""
    return tf.reduce_sum(planes, axis=[axis for axis in range(planes.shape.rank) if axis != 1])


def like_samples(values, planes):
    """Return one value per sample (batch,) in a shape that broadcasts to the planes."""
    return tf.reshape(values, [1, -1] + [1] * (planes.shape.rank - 2))


def _axes(spacing):
    return [(axis - len(spacing), h) for axis, h in enumerate(spacing)]


def _from(planes, axis, start):
    return planes[(..., slice(start, None), *[slice(None)] * (-axis - 1))]


def _until(planes, axis, stop):
    return planes[(..., slice(None, stop), *[slice(None)] * (-axis - 1))]


def _pad(planes, axis, widths):
    paddings = [(0, 0)] * planes.shape.rank
    paddings[axis] = widths
    return tf.pad(planes, paddings)


def edge_weights(guide, contrast=0.1, spacing=None):
    """Return g = 1 / (1 + |grad I|^2 / kappa^2): near 0 on the edges of an image, 1 where it is flat.

    Multiplied to lambda, a class border costs less where the image has an edge. |grad I|^2 sums the squared
    forward differences of all channels, the same differences that the total variation is made of.

    Args:
        guide: Float tensor I (batch, *spatial, channels), usually in [0, 1].
        contrast: Float > 0, kappa: the difference at which the weight is 1/2, in units of the image.
        spacing: Distance of neighbours along each spatial axis; 1 if None.

    Returns:
        Tensor (batch, *spatial, 1) in (0, 1].

    Reference:
        P. Perona, J. Malik, "Scale-Space and Edge Detection Using Anisotropic Diffusion", PAMI 1990, section V.
    """
    planes = to_planes(tf.convert_to_tensor(guide))
    slopes = forward_differences(planes, unit_spacing(planes, spacing))
    squared = tf.reduce_sum(tf.add_n([tf.square(slope) for slope in slopes]), axis=0, keepdims=True)
    return from_planes(tf.math.reciprocal(1.0 + squared / contrast**2))


# The gap is a difference of sums of float32 numbers: below this per pixel it is rounding.
LEAST_TOLERANCE = 1e-6


def check_weight(tv_weight, learned):
    """Raise ValueError unless the initial lambda is finite and >= 0, and > 0 if it is learned."""
    if not (math.isfinite(tv_weight) and (tv_weight > 0 or (tv_weight == 0 and not learned))):
        raise ValueError(
            "`tv_weight` must be a finite number > 0 (0 is allowed with `learn_tv_weight=False`). "
            f"Received: tv_weight={tv_weight}, learn_tv_weight={learned}"
        )


def check_positive(**values):
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"`{name}` must be a finite number > 0. Received: {name}={value}")


def check_count(**values):
    for name, value in values.items():
        if int(value) != value or value < 1:
            raise ValueError(f"`{name}` must be a positive integer. Received: {name}={value}")


def check_choice(name, value, choices):
    if value not in choices:
        raise ValueError(f"`{name}` must be one of {choices}. Received: {name}={value!r}")


def checked_voxel_size(voxel_size):
    """Return the voxel size as a tuple of floats, or None."""
    if voxel_size is None:
        return None
    if not all(math.isfinite(h) and h > 0 for h in voxel_size):
        raise ValueError(f"`voxel_size` must be finite numbers > 0. Received: voxel_size={voxel_size}")
    return tuple(float(h) for h in voxel_size)


def reachable(tolerance):
    """Return a tolerance that float32 can reach, with a warning if a smaller one was asked for."""
    if tolerance is None:
        return None
    if not (math.isfinite(tolerance) and tolerance > 0):
        raise ValueError(f"`tolerance` must be a finite number > 0 or None. Received: tolerance={tolerance}")
    if tolerance < LEAST_TOLERANCE:
        warnings.warn(
            f"`tolerance`={tolerance:g} is below what float32 can reach; {LEAST_TOLERANCE:g} is used.",
            stacklevel=3,
        )
    return max(float(tolerance), LEAST_TOLERANCE)


def check_values(name, logits, tv_weight):
    """Raise ValueError for logits or weights that are not finite, where their values are known (eager mode)."""
    if not tf.executing_eagerly():
        return
    bad = int(tf.reduce_sum(tf.cast(~tf.math.is_finite(logits), tf.int32)))
    if bad:
        raise ValueError(
            f"{name} needs finite logits. Received: {bad} NaN or infinite of {tf.size(logits)} values; look for "
            "a diverged training or an input that is not scaled"
        )
    if tv_weight is not None and not bool(tf.reduce_all((tv_weight >= 0) & tf.math.is_finite(tv_weight))):
        raise ValueError(
            f"`tv_weight` must be finite and >= 0 everywhere. Received: smallest {tf.reduce_min(tv_weight)}, "
            f"largest {tf.reduce_max(tv_weight)}"
        )


def inverse_softplus(value):
    """Return x with softplus(x) = value > 0: log(exp(v) - 1) without losing digits at either end."""
    return value + math.log(-math.expm1(-value))


def at_least_float32(tensor):
    """Return the tensor, cast to float32 if it is of half precision."""
    tensor = tf.convert_to_tensor(tensor)
    return tf.cast(tensor, tf.float32) if tensor.dtype.size < 4 else tensor
