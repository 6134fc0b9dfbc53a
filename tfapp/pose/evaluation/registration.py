"""The learned object model laid onto the CAD model of the part, and how far they are apart."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from tfapp.pose.evaluation.cad_surface import CadSurface
from tfapp.pose.evaluation.icp import align
from tfapp.pose.evaluation.point_checks import check_points, check_visible

_SURFACE_POINTS = 10_000
# A mirror image must be nearer by more than the noise of a registration, or parts that are their own mirror
# image would be called reflected at random.
_CLEARLY_NEARER = 0.95


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
    of its mirror image (`tfapp.pose.evaluation.icp.align`); the mirror image is taken only where it is nearer by
    more than 5 %.

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
    moved = (-points if reflected else points) @ rotation.T + translation
    return Registration(
        rotation,
        translation,
        reflected,
        learned_to_cad=Distances.of(surface.distance(moved)),
        cad_to_learned=Distances.of(cKDTree(moved).query(target)[0]),
    )
