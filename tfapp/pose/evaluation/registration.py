"""Learned object model laid onto the CAD model of the part, and how far they are apart."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from threadpoolctl import threadpool_limits

from tfapp.pose.evaluation.cad_surface import CadSurface, check_points, check_visible
from tfapp.pose.libraries import import_open3d

_SURFACE_POINTS = 10_000
# A mirror image must be nearer by more than the noise of a registration, or parts that are their own mirror
# image would be called reflected at random.
_CLEARLY_NEARER = 0.95
_COARSE_STEPS, _FINE_STEPS, _SURFACE_STEPS = 30, 200, 100
_REFINED = 6
_COARSE_POINTS, _COARSE_TARGET = 300, 1000
# Correspondences longer than three times the median are of stray points, which would pull the rest along.
_TRIM = 3.0
# What is nearer than this share of the extent is no stray point, however near the others are.
_NEAR = 0.02
# What is nearer to the part than this share of its extent is held back by the samples of its surface, which are about
# as far apart; a model that is farther is not.
_ON_SURFACE = 0.01
_POINTS = 2000
_TOLERANCE = 0.01


@dataclass(frozen=True)
class Distances:
    """One-sided distances between two sets of points: median and mean, metres."""

    median: float
    mean: float

    @classmethod
    def of(cls, distances) -> "Distances":
        return cls(float(np.median(distances)), float(np.mean(distances)))


@dataclass(frozen=True, eq=False)
class Registration:
    """Where the learned model lies on the CAD model, y = s R x + t, and how far they are apart.

    Attributes:
        rotation: R, float64 (3, 3), determinant +1.
        translation: t, float64 (3,), metres.
        reflected: s is -1: the network learned the mirror image of the part.
        learned_to_cad: `Distances` of the learned points to the surface: is what was learned right?
        cad_to_learned: `Distances` of the surface to the learned points: was all of the part learned? Never 0,
            as the learned points are some way apart.
    """

    rotation: np.ndarray
    translation: np.ndarray
    reflected: bool
    learned_to_cad: Distances
    cad_to_learned: Distances

    def apply(self, points) -> np.ndarray:
        """Return points (..., 3) of the learned model's frame in the frame of the CAD model."""
        sign = -1.0 if self.reflected else 1.0
        return sign * np.asarray(points, np.float64) @ self.rotation.T + self.translation


def register_model(
    points, vertices, triangles, *, visible=None, surface_points=_SURFACE_POINTS, seed=0
) -> Registration:
    """Lay a learned object model onto the CAD model by a rotation, a translation and, if need be, a reflection.

    The learned model is only known up to these: the network may turn it as it likes and turn the poses back. Sizes
    are known in metres, so nothing is scaled. Iterative closest points start at 60 rotations of the model and 60
    of its mirror image (`align`); the mirror image is taken only where it is nearer by more than 5 %.

    Args:
        points: (m, 3), learned model, metres, m >= 3.
        vertices: (v, 3), of the CAD model, metres.
        triangles: Whole numbers (t, 3), indices of vertices.
        visible: bool (m,), points to count. Points that were visible in no scene never got a gradient and lie
            where the training began; None for all.
        surface_points: Number of points of the surface, uniform by area, >= 3.
        seed: Of these points.

    Raises:
        InputError: Wrong shapes, values that are not finite, fewer than 3 points, or a mesh without area.
    """
    points = check_points("points", points, least=3)
    points = check_points("visible points", points[check_visible(visible, points.shape[:1])], least=3)
    surface = CadSurface(vertices, triangles)
    target = surface.sample(surface_points, seed)
    *upright, distance = align(points, target, surface.extent)
    *mirrored, mirrored_distance = align(-points, target, surface.extent)
    reflected = mirrored_distance < _CLEARLY_NEARER * distance
    rotation, translation = mirrored if reflected else upright
    own = -points if reflected else points
    moved = own @ rotation.T + translation
    if np.median(surface.distance(moved)) < _ON_SURFACE * surface.extent:
        rotation, translation = _onto_surface(own, surface, rotation, translation)
        moved = own @ rotation.T + translation
    return Registration(
        rotation,
        translation,
        reflected,
        learned_to_cad=Distances.of(surface.distance(moved)),
        cad_to_learned=Distances.of(cKDTree(moved).query(target)[0]),
    )


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
    centre, tree = points.mean(axis=0), cKDTree(target)
    # Open3D's threads wait for one another on clouds of this size.
    with threadpool_limits(1, user_api="openmp"):
        best = _coarse(points - centre, target[:_COARSE_TARGET], extent)
        found = [_refined(points - centre, target, tree, transform, extent) for transform in best]
    scores = [_score(points - centre, transform, tree) for transform in found]
    best = found[int(np.argmin(scores))]
    rotation, translation = best[:3, :3], best[:3, 3]
    return rotation, translation - rotation @ centre, min(scores)


def _onto_surface(points, surface, rotation, translation):
    """Return a rotation and a translation that are nearer, by the surface itself.

    Sampled points of a surface hold others back: along it they let them slide no farther than to the next sample, so
    that a round part is left turned by some degrees.
    """
    for _ in range(_SURFACE_STEPS):
        moved = points @ rotation.T + translation
        nearest = surface.nearest(moved)
        away = np.linalg.norm(nearest - moved, axis=1)
        kept = away <= max(_TRIM * np.median(away), _NEAR * surface.extent)
        centre, goal = moved[kept].mean(axis=0), nearest[kept].mean(axis=0)
        turn = Rotation.align_vectors(nearest[kept] - goal, moved[kept] - centre)[0].as_matrix()
        rotation, translation = turn @ rotation, turn @ (translation - centre) + goal
    return rotation, translation


def start_rotations() -> np.ndarray:
    """Return the 60 rotations of the icosahedron, float64 (60, 3, 3)."""
    return Rotation.create_group("I").as_matrix()


def _coarse(points, target, extent):
    # Learned points are in no order, so that every k-th is a fair choice.
    points, tree = points[:: -(-len(points) // _COARSE_POINTS)], cKDTree(target)
    starts = [_transform(rotation, target.mean(axis=0)) for rotation in start_rotations()]
    found = [_icp(points, target, start, 10 * extent, _COARSE_STEPS) for start in starts]
    return sorted(found, key=lambda transform: _score(points, transform, tree))[:_REFINED]


def _refined(points, target, tree, transform, extent):
    reach = _TRIM * np.median(tree.query(_moved(points, transform))[0])
    return _icp(points, target, transform, max(reach, 1e-3 * extent), _FINE_STEPS)


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


def mirror_symmetry(vertices, triangles, *, seed=0):
    """Return a reflection that maps a part onto itself, float64 (3, 3) of determinant -1, or None.

    A network with two rotation channels may explain a part by the mirror image of its model. For a part that is its
    own mirror image, such as a nut or a plain bolt, that is as right as a rotation.

    Args:
        vertices: (v, 3), metres, about the origin that symmetries keep.
        triangles: Whole numbers (t, 3).
        seed: Of the points of the surface.

    Returns:
        The matrix. Points of the surface are on average within 1 % of the largest extent after it, so that the
        thread of a screw does not count; the origin stays within the same distance.

    Raises:
        InputError: Wrong shapes, values that are not finite, or a mesh without area.
    """
    surface = CadSurface(vertices, triangles)
    points = surface.sample(_POINTS, seed)
    rotation, translation, _ = align(-points, points, surface.extent)
    distance = surface.distance(-points @ rotation.T + translation).mean()
    if max(distance, np.linalg.norm(translation)) > _TOLERANCE * surface.extent:
        return None
    return -rotation
