"""Alignment of points with a surface by iterative closest points, from rotations all over the sphere."""

from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from threadpoolctl import threadpool_limits

from tfapp.pose.libraries import import_open3d

_COARSE_STEPS, _FINE_STEPS = 30, 200
_REFINED = 6
_COARSE_POINTS, _COARSE_TARGET = 300, 1000
# Correspondences longer than three times the median are of stray points, which would pull the rest along.
TRIM = 3.0
# Open3D's threads wait for one another on clouds of this size.
_one_thread = threadpool_limits.wrap(limits=1, user_api="openmp")


def align(points, target, extent):
    """Return the rotation and translation that lay points onto a surface, from 60 start rotations.

    Besl, McKay, *A Method for Registration of 3-D Shapes*, 1992, by Open3D. The starts are the 60 rotations of
    the icosahedron: no rotation is farther than 44.5 degrees from one of them. All are tried on some of the points
    with all correspondences; the best six go on with all points, without correspondences that are three times as
    long as the median. The best is the one whose mean distances in both directions have the smallest sum.

    Args:
        points: float64 (m, 3), metres.
        target: float64 (n, 3), uniform on the surface, in random order.
        extent: Of the target, metres.

    Returns:
        (rotation (3, 3), translation (3,), that sum of the two mean distances in metres).
    """
    return Alignments(points, target, extent).best()


class Alignments:
    """All places where points come to rest on a surface.

    Args:
        points, target, extent: As of `align`.
    """

    def __init__(self, points, target, extent):
        self._centre = points.mean(axis=0)
        self._points, self._target, self._extent = points - self._centre, target, extent
        self._tree = cKDTree(target)

    def best(self):
        """Return (rotation, translation, sum of mean distances), as `align` does."""
        return min((self.refined(place) for place in self.coarse[:_REFINED]), key=lambda found: found[2])

    @cached_property
    def coarse(self):
        """Pairs of a rotation (3, 3) and a translation (3,), of some of the points, the nearest first; 60."""
        return [self._uncentred(transform) for transform in self._coarse()]

    @_one_thread
    def refined(self, place):
        """Return (rotation, translation, sum of mean distances) of all points from a coarse place on."""
        rotation, translation = place
        transform = _transform(rotation, translation + rotation @ self._centre)
        reach = TRIM * np.median(self._tree.query(_moved(self._points, transform))[0])
        found = _icp(self._points, self._target, transform, max(reach, 1e-3 * self._extent), _FINE_STEPS)
        return (*self._uncentred(found), _score(self._points, found, self._tree))

    @_one_thread
    def _coarse(self):
        target = self._target[:_COARSE_TARGET]
        # Learned points are in no order, so that every k-th is a fair choice.
        points, tree = self._points[:: -(-len(self._points) // _COARSE_POINTS)], cKDTree(target)
        starts = [_transform(rotation, target.mean(axis=0)) for rotation in start_rotations()]
        found = [_icp(points, target, start, 10 * self._extent, _COARSE_STEPS) for start in starts]
        return sorted(found, key=lambda transform: _score(points, transform, tree))

    def _uncentred(self, transform):
        rotation, translation = transform[:3, :3], transform[:3, 3]
        return rotation, translation - rotation @ self._centre


def start_rotations() -> np.ndarray:
    """Return the 60 rotations of the icosahedron, float64 (60, 3, 3)."""
    return Rotation.create_group("I").as_matrix()


def _icp(points, target, start, reach, steps):
    registration = import_open3d().pipelines.registration
    result = registration.registration_icp(
        _cloud(points),
        _cloud(target),
        reach,
        start,
        registration.TransformationEstimationPointToPoint(),
        registration.ICPConvergenceCriteria(1e-6, 1e-6, steps),
    )
    return result.transformation


def _cloud(points):
    open3d = import_open3d()
    return open3d.geometry.PointCloud(open3d.utility.Vector3dVector(points))


def _score(points, transform, tree):
    moved = _moved(points, transform)
    return float(tree.query(moved)[0].mean() + cKDTree(moved).query(tree.data)[0].mean())


def _moved(points, transform):
    return points @ transform[:3, :3].T + transform[:3, 3]


def _transform(rotation, translation):
    transform = np.eye(4)
    transform[:3, :3], transform[:3, 3] = rotation, translation
    return transform
