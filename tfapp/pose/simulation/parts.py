"""Built-in parts, and the bin, as stacks of prisms."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

_ROUND = 48  # corners of a circle that is seen
_COARSE = 24  # corners of a circle that touches other parts
_DECIMALS = 9
# Of the floor's half-width.
HEIGHT, THICKNESS = 0.3, 0.05
# The floor's half-width, of the largest side of a part: two bolts then lie so near that K-means reaches an F1 of
# about 0.92 and three of 0.85, near the 0.89 and 0.79 of Wu (2020).
ROOM = 1.4


@dataclass(frozen=True, eq=False)
class Part:
    """A rigid part; the origin is the centre of its bounding box.

    Attributes:
        name: Its name.
        vertices: float64 (v, 3), corners of the closed surface that is seen, in metres.
        triangles: int32 (t, 3), corners of each triangle, counter-clockwise seen from outside.
        pieces: Corners (k, 3) of the convex pieces that touch other parts, in metres.
        symmetries: Rotations that map the part onto itself: matrices (3, 3), the identity among them.
    """

    name: str
    vertices: np.ndarray
    triangles: np.ndarray
    pieces: Sequence[np.ndarray]
    symmetries: Sequence[np.ndarray] = (np.eye(3),)

    @property
    def extent(self):
        """The largest side of the bounding box in metres."""
        return float(np.ptp(self.vertices, axis=0).max())


def nut() -> Part:
    """Hexagon nut: 50 mm across corners, 20 mm high, with a hole of 25 mm."""
    high, hexagon, hole = 0.01, regular_polygon(6, 0.025), regular_polygon(_ROUND, 0.0125)
    faces = [ring(hexagon, hole, -high, up=False), ring(hexagon, hole, high, up=True)]
    walls = [side(hexagon, -high, high), side(hole[::-1], -high, high)]
    outer, inner = _with_midpoints(hexagon), regular_polygon(12, 0.0125)
    sectors = [np.stack([outer[k - 1], outer[k], inner[k], inner[k - 1]]) for k in range(12)]
    return Part("nut", *mesh_of(*faces, *walls), [prism(each, -high, high) for each in sectors], _dihedral(6))


def bolt() -> Part:
    """Bolt without thread: a hexagon head, 26 mm across corners and 11 mm high, on a shank of 14 x 39 mm."""
    bottom, neck, top = -0.025, 0.014, 0.025
    head, shank = regular_polygon(6, 0.013), regular_polygon(_ROUND, 0.007)
    faces = [cap(shank, bottom, up=False), ring(head, shank, neck, up=False), cap(head, top, up=True)]
    walls = [side(shank, bottom, neck), side(head, neck, top)]
    pieces = [prism(regular_polygon(_COARSE, 0.007), bottom, neck), prism(head, neck, top)]
    return Part("bolt", *mesh_of(*faces, *walls), pieces, _cyclic(6))


def l_bracket() -> Part:
    """L-bracket: legs of 50 and 35 mm, 8 mm thick, 24 mm wide; the legs differ, so it has no symmetry."""
    long, short, thick, high = 0.05, 0.035, 0.008, 0.012
    # It begins at the inner corner, from where all of the L is seen.
    outline = np.array([[thick, thick], [thick, short], [0, short], [0, 0], [long, 0], [long, thick]])
    outline -= (long / 2, short / 2)
    faces = [cap(outline, -high, up=False), cap(outline, high, up=True)]
    upright, lying = outline[[0, 1, 2, 3]], outline[[0, 3, 4, 5]]
    pieces = [prism(each, -high, high) for each in (upright, lying)]
    return Part("l-bracket", *mesh_of(*faces, side(outline, -high, high)), pieces)


def camera_head() -> Part:
    """Head of a camera: a box with a lens off its centre and a mount at a corner of its back; without symmetry."""
    back, body_back, body_front, front = -0.025, -0.015, 0.007, 0.025
    body, lens_centre = rectangle(0.042, 0.03), (0.007, 0.001)
    mount = rectangle(0.014, 0.01, (-0.012, 0.008))
    lens, fine_lens = (regular_polygon(corners, 0.0115, lens_centre) for corners in (_COARSE, _ROUND))
    faces = [cap(mount, back, up=False), ring(body, mount, body_back, up=False)]
    faces += [ring(body, fine_lens, body_front, up=True), cap(fine_lens, front, up=True)]
    levels = {"mount": (back, body_back), "body": (body_back, body_front), "lens": (body_front, front)}
    walls = [
        side(mount, *levels["mount"]),
        side(body, *levels["body"]),
        side(fine_lens, *levels["lens"]),
    ]
    pieces = [prism(mount, *levels["mount"]), prism(body, *levels["body"]), prism(lens, *levels["lens"])]
    return Part("camera-head", *mesh_of(*faces, *walls), pieces)


BUILT_IN = {"nut": nut, "bolt": bolt, "l-bracket": l_bracket, "camera-head": camera_head}


def _with_midpoints(polygon):
    """Return the corners of a polygon and the middles of its sides, in turn."""
    return np.stack([polygon, (polygon + np.roll(polygon, -1, axis=0)) / 2], 1).reshape(-1, 2)


def _cyclic(order):
    """Return the rotations by whole parts of a turn about z."""
    return Rotation.from_rotvec(2 * np.pi / order * np.arange(order)[:, None] * [0, 0, 1]).as_matrix()


def _dihedral(order):
    """Return the rotations about z, and those together with half a turn about x."""
    turns = _cyclic(order)
    return np.concatenate([turns, turns @ np.diag([1.0, -1.0, -1.0])])


def regular_polygon(corners, radius, centre=(0.0, 0.0)):
    """Return (corners, 2): a polygon, counter-clockwise, the first corner in the direction of x."""
    angles = 2 * np.pi * np.arange(corners) / corners
    return np.asarray(centre) + radius * np.stack([np.cos(angles), np.sin(angles)], axis=-1)


def rectangle(width, depth, centre=(0.0, 0.0)):
    """Return (4, 2): a rectangle, counter-clockwise."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    return np.asarray(centre) + corners * (width / 2, depth / 2)


def prism(polygon, low, high):
    """Return the corners (2k, 3) of a polygon (k, 2) from one height to another."""
    return np.concatenate([_at(polygon, low), _at(polygon, high)])


def side(polygon, low, high):
    """Return the triangles (2k, 3, 3) around a polygon; of a clockwise one, those of a hole."""
    bottom, top = _at(polygon, low), _at(polygon, high)
    next_bottom, next_top = np.roll(bottom, -1, axis=0), np.roll(top, -1, axis=0)
    return np.concatenate(
        [np.stack([bottom, next_bottom, next_top], 1), np.stack([bottom, next_top, top], 1)]
    )


def cap(polygon, height, *, up):
    """Return the triangles (k - 2, 3, 3) that fill a polygon; all of it must be seen from its first corner."""
    corners = _at(polygon, height)
    first = np.broadcast_to(corners[0], (len(corners) - 2, 3))
    return _facing(np.stack([first, corners[1:-1], corners[2:]], 1), up)


def ring(outer, inner, height, *, up):
    """Return the triangles between two convex polygons, one inside the other, both counter-clockwise.

    The two are run around together, from their lowest corners: the next triangle stands on that side whose direction
    comes first, so that both corners reached are the farthest ones in one direction, and see each other.
    """
    (outside, outer_turns), (inside, inner_turns) = _from_lowest(outer), _from_lowest(inner)
    triangles, i, j = [], 0, 0
    while i < len(outer) or j < len(inner):
        here = inside[j], outside[i]
        if outer_turns[i] <= inner_turns[j]:
            i += 1
            triangles.append([*here, outside[i]])
        else:
            j += 1
            triangles.append([*here, inside[j]])
    return _facing(np.stack([_at(np.array(each), height) for each in triangles]), up)


def mesh_of(*surfaces):
    """Join triangles into one mesh.

    Args:
        surfaces: Arrays (t, 3, 3) of triangles; corners that are equal to a nanometre are one vertex.

    Returns:
        vertices: float64 (v, 3).
        triangles: int32 (t, 3).
    """
    corners = np.concatenate(surfaces).reshape(-1, 3).round(_DECIMALS)
    vertices, indices = np.unique(corners, axis=0, return_inverse=True)
    return vertices, indices.reshape(-1, 3).astype(np.int32)


def _at(polygon, height):
    return np.column_stack([polygon, np.full(len(polygon), height)])


def _facing(triangles, up):
    return triangles if up else triangles[:, ::-1]


def _from_lowest(polygon):
    """Return the corners from the lowest one all around to it again, and the direction of the side after each."""
    corners = np.roll(polygon, -np.lexsort(polygon.T)[0], axis=0)
    corners = np.concatenate([corners, corners[:1]])
    directions = np.arctan2(*np.diff(corners, axis=0).T[::-1]) % (2 * np.pi)
    return corners, np.append(directions, np.inf)


def bin_mesh(half_width):
    """Return the surface of the bin that is seen: vertices (v, 3) in metres, triangles (t, 3)."""
    height = HEIGHT * half_width
    inner, outer = (rectangle(2 * width, 2 * width) for width in (half_width, (1 + THICKNESS) * half_width))
    walls = [side(inner[::-1], 0, height), side(outer, 0, height), ring(outer, inner, height, up=True)]
    return mesh_of(cap(inner, 0, up=True), *walls)


def wall_boxes(half_width):
    """Return the centre and the half sizes, both (3,) in metres, of the box that each wall is."""
    thick, high = THICKNESS * half_width / 2, HEIGHT * half_width / 2
    away, along = half_width + thick, half_width + 2 * thick
    across, beside = (thick, along, high), (along, thick, high)
    centres = (away, 0, high), (-away, 0, high), (0, away, high), (0, -away, high)
    return list(zip(centres, (across, across, beside, beside), strict=True))
