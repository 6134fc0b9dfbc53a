"""Symmetries of a part whose mesh is known, where nobody named them."""

import math

import numpy as np

from tfapp.pose.evaluation.cad_surface import CadSurface
from tfapp.pose.evaluation.symmetries import Symmetries
from tfapp.pose.refinement.fusion import VOXEL, voxel_means
from tfapp.pose.refinement.symmetry import symmetries_of_whole

# Points that are drawn of a surface in each voxel, on average, so that hardly any stays empty.
_DRAWN = 8
# How far the axis may be from the origin of the mesh, as a share of the extent.
_BESIDE = 0.005


def surface_points(surface):
    """Return points (m, 3) that cover a `CadSurface` evenly, about one in each voxel of a refined model.

    Args:
        surface: `CadSurface`.
    """
    voxel = VOXEL * surface.extent
    count = math.ceil(_DRAWN * surface.area / voxel**2)
    # On the surface: the mean of a voxel's points lies beside it where it bends.
    return surface.nearest(voxel_means([surface.sample(count)], voxel))


def mesh_symmetries(vertices, triangles):
    """Return the `Symmetries` of a mesh about its origin, and a phrase for them.

    Rotations about an axis that does not go through the origin move the part as well as turn it; they are left out.

    Args:
        vertices: (v, 3), metres.
        triangles: Whole numbers (t, 3).
    """
    surface = CadSurface(vertices, triangles)
    found = symmetries_of_whole(surface_points(surface), surface.extent)
    if found.axis is None:
        return Symmetries(np.eye(3)[None]), found.describe()
    beside = found.centre - (found.centre @ found.axis) * found.axis if not found.flips else found.centre
    if np.linalg.norm(beside) > _BESIDE * surface.extent:
        return Symmetries(np.eye(3)[None]), f"{found.describe()}, beside the origin of the mesh: left out"
    if found.order:
        return Symmetries(found.rotations), found.describe()
    flipped = found.rotations[[0, len(found.rotations) // 2]] if found.flips else found.rotations[:1]
    return Symmetries(flipped, found.axis), found.describe()
