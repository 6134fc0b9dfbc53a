"""Total variation of images and volumes: its operators, and the weights of its edges."""

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


def adjoint_differences(field, spacing=(1.0, 1.0)):
    """Return D^T p for a field p of planes (..., *spatial), one per spatial axis.

    The last index along a part's own axis does not enter: D never produces it, and reading it would
    break <D a, p> = <a, D^T p> at the border.
    """
    total = 0.0
    for part, (axis, h) in zip(field, _axes(spacing), strict=True):
        live = _until(part, axis, -1)
        total += (_pad(live, axis, (1, 0)) - _pad(live, axis, (0, 1))) / h
    return total


def differences_norm_squared(axes, spacing=None):
    """Return a bound of |D|^2 for this number of spatial axes, which large images come close to; spacing 1 if None."""
    return sum(4.0 / h**2 for h in spacing or (1.0,) * axes)


def length(field, isotropic=True):
    """Return the pointwise length of a field: Euclidean if isotropic, else the sum of absolute values."""
    if isotropic:
        return tf.sqrt(tf.add_n([tf.square(part) for part in field]))
    return tf.add_n([tf.abs(part) for part in field])


def project(field, radius, isotropic=True, squared=None):
    """Project every vector of a field onto the ball (isotropic) or cube of the given radius.

    Args:
        field: tuple of planes, one per spatial axis.
        radius: non-negative tensor that broadcasts to the planes.
        isotropic: ball if True, cube otherwise.
        squared: squared length of the vectors, where it is that of more than their planes, or None.

    Returns:
        Tuple of planes.
    """
    if not isotropic:
        return tuple(tf.clip_by_value(part, -radius, radius) for part in field)
    if squared is None:
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
