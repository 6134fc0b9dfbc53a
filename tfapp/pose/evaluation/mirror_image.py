"""Whether a part is its own mirror image."""

import numpy as np

from tfapp.pose.evaluation.cad_surface import CadSurface
from tfapp.pose.evaluation.icp import align

_POINTS = 2000
_TOLERANCE = 0.01


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
