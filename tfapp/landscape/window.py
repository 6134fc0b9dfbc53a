"""The window of a surface: which alpha and beta its grid spans."""

import numpy as np

from tfapp.errors import InputError

AUTO = "auto"
# Room around the solutions, as a share of how far they are apart: half the way beyond both ends of a line, as
# far as one wants to see whether the ends are flat; a quarter around a plane, where a picture is wider anyway.
_LINE_MARGIN, _PLANE_MARGIN = 0.5, 0.25


def resolve(range, directions, line: bool = False):
    """Return the `range` of `Surface.empty`, with "auto" made numbers.

    Args:
        range: as for `Surface.empty`, or "auto": 1 for directions without points; otherwise a window that holds
            all points with a margin, on a plane a square one, on which the directions are drawn to scale.
        directions: `Directions`.
        line: only u is used.

    Raises:
        InputError: as for `limits`.
    """
    if not (isinstance(range, str) and range == AUTO):
        limits(range)
        return range
    if directions.points is None:
        return 1.0
    points = directions.points[:, :1] if line else directions.points
    low, high = points.min(axis=0), points.max(axis=0)
    margin = _LINE_MARGIN if points.shape[1] == 1 else _PLANE_MARGIN
    half = (0.5 + margin) * float((high - low).max())
    windows = [(float(middle) - half, float(middle) + half) for middle in (low + high) / 2]
    return windows[0] if len(windows) == 1 else tuple(windows)


def limits(range) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the limits `((low, high), (low, high))` of alpha and beta that a `range` of `Surface.empty` means.

    Raises:
        InputError: a half width that is not positive, limits that are not ascending, or numbers that are not finite.
    """
    try:
        values = np.asarray(range, float)
    except (TypeError, ValueError):
        values = np.array(np.nan)
    if values.shape == ():
        values = np.array([[-values, values]] * 2)
    elif values.shape == (2,):
        values = np.array([values] * 2)
    if values.shape != (2, 2) or not (np.isfinite(values).all() and np.all(values[:, 0] < values[:, 1])):
        raise InputError(
            "`range` must be a positive number, limits (low, high), a pair of limits or 'auto'. "
            f"Received: range={range!r}."
        )
    return tuple(map(tuple, values.tolist()))


def axis(n: int, low: float, high: float) -> np.ndarray:
    """Return `n` points from `low` to `high`; 0 is exactly 0 if it is one of them."""
    # Built from integers so that a symmetric window has an exactly symmetric grid.
    steps = np.arange(n) * 2 - (n - 1)
    points = 0.5 * (low + high) + 0.5 * (high - low) * steps / (n - 1)
    points[np.abs(points) < 1e-12 * (high - low)] = 0.0
    return points
