"""Window of a surface, which alpha and beta its grid spans, and the nested lattices of that grid."""

import numpy as np

from tfapp.errors import InputError

AUTO = "auto"
# Room around the solutions, as a share of how far they are apart: half the way beyond both ends of a line, as
# far as one wants to see whether the ends are flat; a quarter around a plane, where a picture is wider anyway.
_LINE_MARGIN, _PLANE_MARGIN = 0.5, 0.25
# Steps below the resolution of float32, about 1e-7, move no weight.
_LEAST_WIDTH = 1e-6
COARSEST = 9  # points along each axis below which features of a surface would be missed


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
        InputError: a half width that is not positive, limits that are not ascending, numbers that are not finite, or a
            window within which float32 weights do not move.
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
    width = values[:, 1] - values[:, 0]
    if np.any(width < _LEAST_WIDTH * np.maximum(1, np.abs(values).max(1))):
        raise InputError(
            f"`range` must span at least {_LEAST_WIDTH:g} along each axis, and of its distance from 0: float32 weights "
            f"do not move by less. Received: range={range!r}."
        )
    return tuple(map(tuple, values.tolist()))


def axis(n: int, low: float, high: float) -> np.ndarray:
    """Return `n` points from `low` to `high`; 0 is exactly 0 if it is one of them."""
    # Built from integers so that a symmetric window has an exactly symmetric grid.
    steps = np.arange(n) * 2 - (n - 1)
    points = 0.5 * (low + high) + 0.5 * (high - low) * steps / (n - 1)
    points[np.abs(points) < 1e-12 * (high - low)] = 0.0
    return points


def nodes(count: int, stride: int) -> np.ndarray:
    """Return the indices of an axis of `count` points that a mesh of `stride` has: the middle one, every
    `stride`-th from there, and both ends, so that nothing is ever extrapolated.

    >>> nodes(9, 4).tolist()
    [0, 4, 8]
    """
    inner = np.arange((count // 2) % stride, count, stride)
    return np.union1d(inner, [0, count - 1])


def strides(count: int) -> list[int]:
    """Return the meshes of an axis of `count` points, powers of two from the coarsest down to 1."""
    return [1 << level for level in reversed(range(max(1, (count // 2).bit_length())))]


def first_stride(count: int) -> int:
    """Return the coarsest mesh with at least `COARSEST` points along the axis, 1 if there is none."""
    return next((stride for stride in strides(count) if len(nodes(count, stride)) >= COARSEST), 1)


def coarse_to_fine(rows: int, columns: int | None = None) -> list[tuple[int, int]]:
    """Return all cells of a grid: the middle, then nested lattices of halving mesh.

    Each lattice contains the ones before it, and a run that stops early leaves the whole window at a
    coarser mesh instead of a corner at the finest.

    Args:
        rows, columns: points along the two axes; a line has one column, a square grid needs no `columns`.

    >>> coarse_to_fine(3)[:3]
    [(1, 1), (0, 1), (1, 0)]
    """
    columns = rows if columns is None else columns
    middle = rows // 2, columns // 2
    cells = [middle]
    for stride in strides(max(rows, columns)):
        level = lattice_cells(rows, columns, stride)
        cells += sorted(level, key=lambda cell: (cell[0] - middle[0]) ** 2 + (cell[1] - middle[1]) ** 2)
    return list(dict.fromkeys(cells))


def lattice_cells(rows: int, columns: int, stride: int) -> list[tuple[int, int]]:
    """Return the cells of one lattice, row by row."""
    return [(int(i), int(j)) for i in nodes(rows, stride) for j in nodes(columns, stride)]
