"""Nested lattices of a grid: coarse pictures of the whole window first, each part of the next."""

import numpy as np

COARSEST = 9  # points along each axis below which features of a surface would be missed


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
