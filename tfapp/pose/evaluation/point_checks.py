"""What the scores ask of the arrays that they are given."""

import numpy as np

from tfapp.errors import InputError


def check_points(name, points, least=1):
    """Return points as float64 (n, 3).

    Args:
        name: What they are, for the message.
        points: Array-like.
        least: How many are needed.

    Raises:
        InputError: Another shape, fewer points, or a coordinate that is not finite.
    """
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or points.shape[1] != 3:
        raise InputError(f"`{name}` must have the shape (points, 3). Received: shape {points.shape}.")
    if len(points) < least:
        expected = "one point" if least == 1 else f"{least} points"
        raise InputError(f"`{name}` must hold at least {expected}. Received: {len(points)}.")
    num_wrong = np.count_nonzero(~np.isfinite(points).all(axis=1))
    if num_wrong:
        raise InputError(
            f"`{name}` must be finite. Received: NaN or inf in {num_wrong} of {len(points)} points."
        )
    return points


def check_visible(visible, shape):
    """Return a mask as bool of this shape, all true for None; InputError for another shape or an empty mask."""
    if visible is None:
        return np.ones(shape, bool)
    visible = np.asarray(visible, bool)
    if visible.shape != shape:
        raise InputError(f"`visible` must have the shape {shape}. Received: shape {visible.shape}.")
    if not visible.any():
        raise InputError("`visible` must leave at least one point. Received: none visible.")
    return visible


def check_labels(name, labels, count=None):
    """Return labels as int64 (n,); InputError unless they are whole numbers, at least one and `count` in all."""
    labels = np.asarray(labels)
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise InputError(
            f"`{name}` must be whole numbers of the shape (points,). "
            f"Received: {labels.dtype} of shape {labels.shape}."
        )
    if not len(labels) or (count is not None and len(labels) != count):
        expected = "at least one label" if count is None else f"{count} labels"
        raise InputError(f"`{name}` must hold {expected}. Received: {len(labels)}.")
    return labels.astype(np.int64)
