"""The local minima of a surface on a torus, and how deep each one is."""

from dataclasses import dataclass

import numpy as np

_NEIGHBOURS = tuple((i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0))


@dataclass(frozen=True)
class LocalMinimum:
    """A cell that is lower than the eight around it.

    Attributes:
        cell: (row, column).
        value: What the surface is there.
        depth: How far one has to climb, at least, to come from there to something lower; of the lowest of all how
            far the highest cell lies above it.
    """

    cell: tuple
    value: float
    depth: float


def local_minima(values, least_depth=0.0):
    """Return the local minima of a grid whose opposite sides are neighbours, the lowest first.

    The depth is the persistence of the component of a sublevel set: cells are added from the lowest to the highest,
    and where two components meet, that with the higher minimum ends.

    Args:
        values: Finite (n, m), at least 3 cells along each axis.
        least_depth: Minima that are not deeper are left out, but for the lowest of all.

    Returns:
        List of `LocalMinimum`.

    Reference:
        H. Edelsbrunner, D. Letscher, A. Zomorodian, *Topological Persistence and Simplification*, 2002.
    """
    values = np.asarray(values, float)
    order = np.argsort(values, axis=None, kind="stable")
    lowest, parent, found = int(order[0]), {}, []
    for cell in map(int, order):
        roots = {_root(parent, neighbour) for neighbour in _around(cell, values.shape) if neighbour in parent}
        # The root of a component is its lowest cell.
        parent[cell] = min(roots, key=lambda root: (values.flat[root], root), default=cell)
        for root in roots - {parent[cell]}:
            parent[root] = parent[cell]
            found.append((root, values.flat[cell] - values.flat[root]))
    minima = [(lowest, float(np.ptp(values)))] + [one for one in found if one[1] > least_depth]
    minima = [
        LocalMinimum(
            tuple(map(int, np.unravel_index(cell, values.shape))), float(values.flat[cell]), float(depth)
        )
        for cell, depth in minima
    ]
    return sorted(minima, key=lambda minimum: minimum.value)


def _root(parent, cell):
    while parent[cell] != cell:
        # Halving the paths keeps them short.
        parent[cell] = parent[parent[cell]]
        cell = parent[cell]
    return cell


def _around(cell, shape):
    row, column = divmod(cell, shape[1])
    return [(row + i) % shape[0] * shape[1] + (column + j) % shape[1] for i, j in _NEIGHBOURS]
