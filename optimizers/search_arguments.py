"""Checks of what is given to `branch_and_prune`, with errors that say what was expected and what came."""

import math

import numpy as np

BOUNDS = ("balls", "sawtooth")
# What double precision can prove, as a share of L times the diagonal of the box.
_RESOLUTION = 1e-11


def checked_box(bounds):
    """Return the corners of a box, float64 (dimension,) each; ValueError unless it is finite and not inverted."""
    box = np.asarray(bounds, dtype=np.float64)
    if box.ndim != 2 or box.shape[1] != 2 or not len(box):
        raise ValueError(
            f"`bounds` must have one pair (low, high) for each coordinate. Received: bounds={bounds}"
        )
    if not np.isfinite(box).all() or (box[:, 0] >= box[:, 1]).any():
        raise ValueError(
            "`bounds` must be finite, with low < high in every coordinate: the search covers the whole box. "
            f"Received: bounds={box.tolist()}"
        )
    return box[:, 0].copy(), box[:, 1].copy()


def checked_start(start, low, high):
    """Return the first sample, float64 (dimension,); the middle of the box for None."""
    if start is None:
        return (low + high) / 2
    point = np.atleast_1d(np.asarray(start, dtype=np.float64))
    if point.shape != low.shape or not ((low <= point) & (point <= high)).all():
        box = np.stack([low, high], axis=1).tolist()
        raise ValueError(f"`start` must be a point of the box {box}. Received: start={start}")
    return point


def check_search(lipschitz, rho, tolerance, max_evaluations, max_seconds, bound):
    """Raise ValueError for a number out of its range or an unknown kind of bound."""
    _check_positive(lipschitz=lipschitz, tolerance=tolerance)
    if not 0 <= rho < 1:
        raise ValueError(f"`rho` must be in [0, 1). Received: rho={rho}")
    if not max_evaluations >= 1 or max_evaluations % 1:
        raise ValueError(
            f"`max_evaluations` must be a positive integer. Received: max_evaluations={max_evaluations}"
        )
    if max_seconds is not None:
        _check_positive(max_seconds=max_seconds)
    if bound not in BOUNDS:
        raise ValueError(f"`bound` must be one of {BOUNDS}. Received: bound={bound!r}")


def check_resolution(tolerance, lipschitz, low, high):
    """Raise ValueError for a tolerance whose balls are no larger than the rounding of a coordinate."""
    least = _RESOLUTION * lipschitz * float(np.linalg.norm(high - low))
    if tolerance < least:
        raise ValueError(
            f"`tolerance` must be at least {least:.2g} for this box and L, which is what double precision can prove. "
            f"Received: tolerance={tolerance}"
        )


def _check_positive(**values):
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"`{name}` must be a finite number > 0. Received: {name}={value}")
