"""Nearest points of an object model, looked up in a grid of voxels."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

# Voxels along the longest side, the margin among them.
_VOXELS = 64
# Room around the model, as a share of its extent: farther points are looked up at the border, which is near enough for
# points that are out anyway.
_MARGIN = 0.25


@dataclass(frozen=True, eq=False)
class NearestField:
    """A cloud of points, and which of them is nearest to each voxel around it.

    Attributes:
        points: float32 `(m, 3)`, metres.
        index: int32 `(voxels,)`, the point that is nearest to each voxel's centre, z fastest.
        shape: int32 `(3,)`, voxels along x, y, z.
        origin: float32 `(3,)`, corner of the first voxel, metres.
        voxel: Side of a voxel, metres.
    """

    points: np.ndarray
    index: np.ndarray
    shape: np.ndarray
    origin: np.ndarray
    voxel: float

    @classmethod
    def of(cls, points):
        """Return the field of points `(m, 3)` in metres, at least one."""
        points = np.asarray(points, np.float64)
        low, high = points.min(0), points.max(0)
        margin = _MARGIN * max(extent_of(points), 1e-6)
        voxel = float((high - low + 2 * margin).max() / _VOXELS)
        origin = low - margin
        shape = np.ceil((high + margin - origin) / voxel).astype(int)
        centres = [
            start + voxel * (np.arange(count) + 0.5) for start, count in zip(origin, shape, strict=True)
        ]
        grid = np.stack(np.meshgrid(*centres, indexing="ij"), -1).reshape(-1, 3)
        index = cKDTree(points).query(grid)[1]
        return cls(
            points.astype(np.float32),
            index.astype(np.int32),
            shape.astype(np.int32),
            origin.astype(np.float32),
            voxel,
        )


def extent_of(points):
    """Return the longest side of the box around points `(m, 3)`, in its principal axes."""
    centred = points - points.mean(0)
    axes = np.linalg.svd(centred, full_matrices=False)[2]
    return float(np.ptp(centred @ axes.T, axis=0).max())
