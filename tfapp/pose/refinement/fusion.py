"""Object model from what many instances show of it."""

import numpy as np



def fuse(clouds, voxel, least=2):
    """Return one point for each voxel that the clouds fill, the mean of what lies in it.

    Args:
        clouds: List of `(n, 3)`, measured points of instances in the frame of the model, metres.
        voxel: Side of a voxel in metres.
        least: Points that a voxel needs at least.

    Returns:
        float64 `(m, 3)`.
    """
    points = np.concatenate(clouds)
    _, place, counts = np.unique(np.floor(points / voxel).astype(int), axis=0, return_inverse=True, return_counts=True)
    sums = np.stack([np.bincount(place.ravel(), points[:, axis]) for axis in range(3)], 1)
    full = counts >= min(least, counts.max())
    return sums[full] / counts[full, None]
