"""Learned object model laid onto the CAD model of the part, and how far they are apart."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from tfapp.pose.evaluation.alignment import TRIM, Alignments, align
from tfapp.pose.evaluation.cad_surface import CadSurface, check_points, check_visible
from tfapp.pose.evaluation.frames import Distances, ModelFrame, PlacedModel
from tfapp.pose.evaluation.minima import Minimum, other_minima

_SURFACE_POINTS = 10_000
# A mirror image must be nearer by more than the noise of a registration, or parts that are their own mirror
# image would be called reflected at random.
_CLEARLY_NEARER = 0.95
_SURFACE_STEPS = 100
# What is nearer than this share of the extent is no stray point, however near the others are.
_NEAR = 0.02
# What is nearer to the part than this share of its extent is held back by the samples of its surface, which are about
# as far apart; a model that is farther is not.
_ON_SURFACE = 0.02
_POINTS = 2000
_TOLERANCE = 0.01


@dataclass(frozen=True, eq=False)
class Registration(PlacedModel):
    """Where the learned model lies on the CAD model, y = s R x + t, and how far they are apart.

    Attributes:
        others: Minima that are really other poses, as `other_minima` returns them; None if they were not looked for.
    """

    others: tuple[Minimum, ...] | None = None

    @property
    def as_near(self) -> tuple[Minimum, ...]:
        """The other minima where the model is as near; one alone makes the registration ambiguous."""
        return tuple(one for one in self.others or () if one.as_near)


def register_model(
    points, vertices, triangles, *, visible=None, surface_points=_SURFACE_POINTS, seed=0, symmetries=None
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
        symmetries: `Symmetries` of the part, to look for minima that are no symmetry of the best one; None not to.

    Raises:
        InputError: Wrong shapes, values that are not finite, fewer than 3 points, or a mesh without area.
    """
    points = check_points("points", points, least=3)
    points = check_points("visible points", points[check_visible(visible, points.shape[:1])], least=3)
    surface = CadSurface(vertices, triangles)
    target = surface.sample(surface_points, seed)
    sides = {sign: Alignments(sign * points, target, surface.extent) for sign in (1, -1)}
    found = {sign: side.best() for sign, side in sides.items()}
    sign = -1 if found[-1][2] < _CLEARLY_NEARER * found[1][2] else 1

    def placed(reflected, rotation, translation):
        own = -points if reflected else points
        moved = own @ rotation.T + translation
        if np.median(surface.distance(moved)) < _ON_SURFACE * surface.extent:
            rotation, translation = _onto_surface(own, surface, rotation, translation)
            moved = own @ rotation.T + translation
        there, back = surface.distance(moved), cKDTree(moved).query(target)[0]
        return PlacedModel(rotation, translation, reflected, Distances.of(there), Distances.of(back))

    def refine(place):
        side = sides[-1 if place.reflected else 1]
        return placed(place.reflected, *side.refined((place.rotation, place.translation))[:2])

    best, others = placed(sign < 0, *found[sign][:2]), None
    if symmetries is not None:
        places = [ModelFrame(*place, sign < 0) for sign, side in sides.items() for place in side.coarse]
        others = other_minima(best, places, refine, symmetries, surface.extent)
    return Registration(**vars(best), others=others)


def _onto_surface(points, surface, rotation, translation):
    """Return a rotation and a translation that are nearer, by the surface itself.

    Sampled points of a surface hold others back: along it they let them slide no farther than to the next sample, so
    that a round part is left turned by some degrees.
    """
    for _ in range(_SURFACE_STEPS):
        moved = points @ rotation.T + translation
        nearest = surface.nearest(moved)
        away = np.linalg.norm(nearest - moved, axis=1)
        kept = away <= max(TRIM * np.median(away), _NEAR * surface.extent)
        centre, goal = moved[kept].mean(axis=0), nearest[kept].mean(axis=0)
        turn = Rotation.align_vectors(nearest[kept] - goal, moved[kept] - centre)[0].as_matrix()
        rotation, translation = turn @ rotation, turn @ (translation - centre) + goal
    return rotation, translation


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
