"""The loss over two rotation angles of one part around its true pose."""

from dataclasses import dataclass

import numpy as np

from tfapp.files import atomic_path, write_json
from tfapp.pose.evaluation.symmetries import Symmetries
from tfapp.pose.landscape.local_minima import local_minima
from tfapp.pose.landscape.part_axes import turns

# Shallower than this share of the range of losses is what the sampling of points makes.
LEAST_DEPTH = 0.03
# Farther apart than this the long axes of two poses point to opposite sides.
SWAPPED = 0.75 * np.pi


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
