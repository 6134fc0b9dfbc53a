"""Foreground of a scene without masks: what stands in front of the dominant plane."""

import numpy as np

from tfapp.pose.libraries import import_open3d

_ITERATIONS = 1000
_FEWEST = 3


def in_front_of_floor(points, *, tolerance=0.005, seed=0):
    """Return bool (k,): whether each point is nearer to the camera than the floor, by more than the tolerance.

    The floor is the plane with the most points near it, found by RANSAC (Fischler and Bolles, *Random Sample
    Consensus*, 1981; Open3D's `segment_plane`). The camera is at the origin. Walls of a bin are not removed: they
    must have been left out before.

    Args:
        points: (k, 3) in metres, in the frame of the camera.
        tolerance: Metres that a point of the floor may be away from its plane: the noise of the camera.
        seed: Of the random samples.
    """
    if len(points) < _FEWEST:
        return np.zeros(len(points), bool)
    open3d = import_open3d()
    open3d.utility.random.seed(seed)
    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(np.asarray(points, np.float64)))
    plane, _ = cloud.segment_plane(tolerance, _FEWEST, _ITERATIONS)
    normal, offset = plane[:3], plane[3]
    # At the origin the plane's equation has the value `offset`: that sign is the camera's side.
    return np.sign(offset) * (points @ normal + offset) > tolerance
