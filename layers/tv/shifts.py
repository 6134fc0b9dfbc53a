"""Values of planes at other pixels."""

import tensorflow as tf


def beyond(planes, offset):
    """Return at each pixel the value `offset` further, 0 beyond the border."""
    rank, axes = planes.shape.rank, len(offset)
    cut, paddings = [slice(None)] * (rank - axes), [(0, 0)] * (rank - axes)
    for axis, step in zip(range(rank - axes, rank), offset, strict=True):
        # An image that is smaller than the step has nothing there.
        known = planes.shape[axis]
        moved = tf.minimum(abs(step), tf.shape(planes)[axis]) if known is None else min(abs(step), known)
        if step > 0:
            cut.append(slice(moved, None))
            paddings.append((0, moved))
        elif step < 0:
            end = tf.shape(planes)[axis] - moved if known is None else known - moved
            cut.append(slice(None, end))
            paddings.append((moved, 0))
        else:
            cut.append(slice(None))
            paddings.append((0, 0))
    return tf.ensure_shape(tf.pad(planes[tuple(cut)], paddings), planes.shape)


def along(axis, axes, step):
    """Return the offset that goes so many pixels along one axis."""
    return [step if other == axis else 0 for other in range(axes)]
