"""The axes that a part is turned about: its principal axes, or those of its file."""

import numpy as np
from scipy.spatial.transform import Rotation

from tfapp.errors import InputError

PRINCIPAL = ("long", "middle", "short")
AXES = (*PRINCIPAL, "x", "y", "z")
# Equal extents leave the axes open, by more than the rounding of a file; those of the file are then taken.
_TIE = 1e-5


def part_axes(vertices, triangles):
    """Return unit vectors (3,) of the part's frame by the names of `AXES`.

    The principal axes of the surface, by area: the part is largest along `long` and smallest along `short`. Where
    they are open, as across a part that is round, they lie along those of the file.

    Args:
        vertices: (v, 3), metres.
        triangles: Whole numbers (t, 3), indices of vertices.
    """
    corners = np.asarray(vertices, float)[triangles]
    moments = _moments(corners)
    moments += _TIE * np.trace(moments) * np.diag([1.0, 0.5, 0.0])
    axes = np.linalg.eigh(moments)[1].T[::-1]
    # The sign of an axis means nothing; its largest component is made positive.
    axes *= np.sign(axes[np.arange(3), np.abs(axes).argmax(1)])[:, None]
    return dict(zip(AXES, [*axes, *np.eye(3)], strict=True))


def parse_axes(text):
    """Return the two names that a text such as short,long means.

    Raises:
        InputError: Not two different ones of `AXES`.
    """
    names = tuple(part.strip() for part in text.split(","))
    if len(names) != 2 or names[0] == names[1] or not set(names) <= set(AXES):
        raise InputError(f"--axes expects two of {', '.join(AXES)}, such as short,long; got {text!r}.")
    return names


def turns(first, second, angles):
    """Return the rotations of a part in its own frame: about the second axis, then about the first.

    Args:
        first, second: Unit vectors (3,).
        angles: (n,), radians, of both.

    Returns:
        float64 (n, n, 3, 3); the angle about the first axis along the first axis of the array.
    """
    about_first, about_second = (
        Rotation.from_rotvec(np.asarray(angles)[:, None] * axis).as_matrix() for axis in (first, second)
    )
    return about_first[:, None] @ about_second[None]


def _moments(corners):
    """Return the second moments (3, 3) of a surface of triangles (t, 3, 3), by area, about its centroid."""
    edges = corners[:, 1:] - corners[:, :1]
    areas = 0.5 * np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)
    middles = corners.mean(1)
    corners = corners - (areas @ middles) / areas.sum()
    middles = corners.mean(1)
    # Exact for a triangle of area A with corners a, b, c and middle m: A / 12 (aa' + bb' + cc' + 9 mm').
    within = np.einsum("t,tki,tkj->ij", areas, corners, corners)
    return (within + 9 * np.einsum("t,ti,tj->ij", areas, middles, middles)) / (12 * areas.sum())
