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
    plane = floor_plane(points, tolerance=tolerance, seed=seed)
    if plane is None:
        return np.zeros(len(points), bool)
    return points @ plane[0] + plane[1] > tolerance


def floor_plane(points, *, tolerance=0.005, seed=0):
    """Return the unit normal (3,) of the floor that leads to the camera's side, and the camera's distance to it.

    Arguments as for `in_front_of_floor`; None where there are fewer than three points. A point x is at the height
    normal · x + distance above it.
    """
    if len(points) < _FEWEST:
        return None
    open3d = import_open3d()
    open3d.utility.random.seed(seed)
    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(np.asarray(points, np.float64)))
    plane, _ = cloud.segment_plane(tolerance, _FEWEST, _ITERATIONS)
    # At the origin the plane's equation has the value `plane[3]`: that sign is the camera's side.
    return np.sign(plane[3]) * plane[:3], abs(plane[3])
