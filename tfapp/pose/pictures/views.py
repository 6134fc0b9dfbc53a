"""From where a model of no given orientation is looked at, and what is seen from there."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from tfapp.errors import InputError

# A turn and a tilt of the main axes, away from all three of them.
_OBLIQUE = Rotation.from_euler("xy", [-58, 28], degrees=True).as_matrix()
VIEWS = {
    "broad side": np.eye(3),
    "long edge": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
    "end": np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]]),
    "oblique": _OBLIQUE,
}


@dataclass(frozen=True, eq=False)
class MainAxes:
    """The frame of a cloud's principal axes: x along its length, z through its thickness.

    A learned model has no orientation of its own, and so is looked at along these.

    Attributes:
        centre: float64 (3,), metres.
        axes: float64 (3, 3), the axes as rows, determinant +1.
    """

    centre: np.ndarray
    axes: np.ndarray

    @classmethod
    def of(cls, points) -> "MainAxes":
        """Return those of points (n, 3), at least one."""
        centre = points.mean(axis=0)
        _, _, axes = np.linalg.svd(points - centre, full_matrices=True)
        # The sign of an axis means nothing; the longer tail points to the positive side.
        axes[:2] *= np.where((((points - centre) @ axes[:2].T) ** 3).sum(axis=0) < 0, -1, 1)[:, None]
        axes[2] = np.cross(axes[0], axes[1])
        return cls(centre, axes)

    @classmethod
    def of_box(cls, vertices) -> "MainAxes":
        """Return the axes of the frame of a CAD model, which people chose, in the order of its extents."""
        extents = np.ptp(vertices, axis=0)
        axes = np.eye(3)[np.argsort(-extents, kind="stable")]
        axes[2] = np.cross(axes[0], axes[1])
        return cls(vertices.min(axis=0) + extents / 2, axes)

    def apply(self, points) -> np.ndarray:
        """Return points (..., 3) in this frame."""
        return (np.asarray(points, np.float64) - self.centre) @ self.axes.T


def finite_points(points, visible=None):
    """Return float64 points (m, 3) and which of them to look at, bool (m,).

    Raises:
        InputError: Another shape, NaN or infinite values, or no point to look at.
    """
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
        raise InputError(f"Expected finite points of the shape (points, 3). Received: shape {points.shape}.")
    visible = np.ones(len(points), bool) if visible is None else np.asarray(visible, bool)
    if visible.shape != points.shape[:1] or not visible.any():
        raise InputError(
            f"Expected `visible` of the shape ({len(points)},), at least one of them true. "
            f"Received: shape {visible.shape}, {np.count_nonzero(visible)} true."
        )
    return points, visible


def round_length(length) -> float:
    """Return the largest of 1, 2, 5, 10, 20, 50 ... (and of their tenths ...) that is not above a length > 0."""
    power = 10.0 ** np.floor(np.log10(length))
    return float(next(step * power for step in (5, 2, 1) if step * power <= length * (1 + 1e-9)))
