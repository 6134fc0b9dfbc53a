"""Loss over two rotation angles of one part around its true pose, and its local minima."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from tfapp.errors import InputError
from tfapp.files import atomic_path, write_json
from tfapp.pose.evaluation.symmetries import Symmetries

# Shallower than this share of the range of losses is what the sampling of points makes.
LEAST_DEPTH = 0.03
# Farther apart than this the long axes of two poses point to opposite sides.
SWAPPED = 0.75 * np.pi
_NEIGHBOURS = tuple((i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0))
PRINCIPAL = ("long", "middle", "short")
AXES = (*PRINCIPAL, "x", "y", "z")
# Equal extents leave the axes open, by more than the rounding of a file; those of the file are then taken.
_TIE = 1e-5


@dataclass(frozen=True, eq=False)
class RotationMinimum:
    """A local minimum of a `RotationSurface`.

    Attributes:
        angles: About the two axes, radians from -pi to below pi.
        loss: Metres.
        depth: Metres to climb, at least, to reach a lower loss; of the lowest minimum the range of the losses.
        rotation_error: Angle to the true pose modulo the part's symmetries, radians.
        swapped: Whether the part's long axis points to the other side.
    """

    angles: tuple
    loss: float
    depth: float
    rotation_error: float
    swapped: bool

    def to_json(self):
        return {**vars(self), "angles": list(self.angles), "swapped": bool(self.swapped)}


@dataclass(frozen=True, eq=False)
class RotationSurface:
    """Losses on a grid of angles that goes once around.

    Attributes:
        angles: float64 (n,), radians from -pi to below pi, of both axes; 0 is the true pose.
        loss: float64 (n, n), metres; rows are angles about the first axis.
        names: Of the two axes.
        axes: float64 (2, 3), in the part's frame.
        truth: Loss at the true pose, metres.
        minima: `RotationMinimum`s, the lowest first.
    """

    angles: np.ndarray
    loss: np.ndarray
    names: tuple
    axes: np.ndarray
    truth: float
    minima: tuple

    @property
    def swapped_minima(self):
        """The local minima whose long axis points to the other side and that no symmetry explains.

        A part whose ends are alike has none: turned around it is the part as it was.
        """
        # The nearest grid point of a symmetric pose may be a step away from it about each axis.
        near = 2 * (self.angles[1] - self.angles[0])
        return [one for one in self.minima if one.swapped and one.rotation_error > near]

    def save(self, path) -> None:
        """Write `angles`, `axes` and `loss` as an .npz file."""
        with atomic_path(path) as temporary:
            np.savez(temporary, angles=self.angles, axes=self.axes, loss=self.loss)

    def save_json(self, path, **facts) -> None:
        """Write what was found, in metres and radians, behind `facts`."""
        content = {
            "axes": dict(zip(self.names, self.axes.tolist(), strict=True)),
            "loss_at_truth": self.truth,
            "range": [float(self.loss.min()), float(self.loss.max())],
            "minima": [minimum.to_json() for minimum in self.minima],
        }
        write_json(path, {**facts, **content})


def measure_surface(loss, axes, names, *, steps, symmetries=None, progress=None):
    """Return the `RotationSurface` of a loss.

    Args:
        loss: `PosedLoss`, or another function of turns (b, 3, 3) with an attribute `batch`.
        axes: Unit vectors of the part's frame by name, as of `part_axes`.
        names: Of the two axes; about the second one the part is turned first.
        steps: Angles n of a whole turn, even: the half turn is one of them.
        symmetries: `Symmetries` of the part; None for none.
        progress: Function of (poses done, poses in all), or None.
    """
    angles = 2 * np.pi * (np.arange(steps) / steps - 0.5)
    chosen = np.stack([axes[name] for name in names])
    grid = turns(*chosen, angles)
    flat, found = grid.reshape(-1, 3, 3), []
    for first in range(0, len(flat), loss.batch):
        found.extend(loss(flat[first : first + loss.batch]))
        if progress:
            progress(len(found), len(flat))
    values = np.reshape(found, (steps, steps))
    symmetries = symmetries or Symmetries.of([])
    minima = tuple(
        _described(minimum, angles, grid, axes["long"], symmetries)
        for minimum in local_minima(values, LEAST_DEPTH * np.ptp(values))
    )
    return RotationSurface(
        angles, values, tuple(names), chosen, float(values[steps // 2, steps // 2]), minima
    )


def _described(minimum, angles, grid, long, symmetries):
    turn = grid[minimum.cell]
    [error] = symmetries.rotation_error(turn[None], np.eye(3)[None])
    return RotationMinimum(
        tuple(float(angles[index]) for index in minimum.cell),
        minimum.value,
        minimum.depth,
        float(error),
        bool(np.arccos(np.clip(long @ turn @ long, -1, 1)) > SWAPPED),
    )


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


def part_axes(vertices, triangles):
    """Return unit vectors (3,) of the part's frame by the names of `AXES`.

    The principal axes of the surface, by area: the part is largest along `long` and smallest along `short`. Where
    they are open, as across a part that is round, they lie along those of the file.

    Args:
        vertices: (v, 3), metres.
        triangles: Whole numbers (t, 3), indices of vertices.
    """
    corners = np.asarray(vertices, float)[triangles]
    moments = _moments(corners)
    moments += _TIE * np.trace(moments) * np.diag([1.0, 0.5, 0.0])
    axes = np.linalg.eigh(moments)[1].T[::-1]
    # The sign of an axis means nothing; its largest component is made positive.
    axes *= np.sign(axes[np.arange(3), np.abs(axes).argmax(1)])[:, None]
    return dict(zip(AXES, [*axes, *np.eye(3)], strict=True))


def parse_axes(text):
    """Return the two names that a text such as short,long means.

    Raises:
        InputError: Not two different ones of `AXES`.
    """
    names = tuple(part.strip() for part in text.split(","))
    if len(names) != 2 or names[0] == names[1] or not set(names) <= set(AXES):
        raise InputError(f"`axes` expects two of {', '.join(AXES)}, such as short,long; got {text!r}.")
    return names


def turns(first, second, angles):
    """Return the rotations of a part in its own frame: about the second axis, then about the first.

    Args:
        first, second: Unit vectors (3,).
        angles: (n,), radians, of both.

    Returns:
        float64 (n, n, 3, 3); the angle about the first axis along the first axis of the array.
    """
    about_first, about_second = (
        Rotation.from_rotvec(np.asarray(angles)[:, None] * axis).as_matrix() for axis in (first, second)
    )
    return about_first[:, None] @ about_second[None]


def _moments(corners):
    """Return the second moments (3, 3) of a surface of triangles (t, 3, 3), by area, about its centroid."""
    edges = corners[:, 1:] - corners[:, :1]
    areas = 0.5 * np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)
    middles = corners.mean(1)
    corners = corners - (areas @ middles) / areas.sum()
    middles = corners.mean(1)
    # Exact for a triangle of area A with corners a, b, c and middle m: A / 12 (aa' + bb' + cc' + 9 mm').
    within = np.einsum("t,tki,tkj->ij", areas, corners, corners)
    return (within + 9 * np.einsum("t,ti,tj->ij", areas, middles, middles)) / (12 * areas.sum())
