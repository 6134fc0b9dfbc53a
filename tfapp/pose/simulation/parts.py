"""The built-in parts: a nut, a bolt, an L-bracket and the head of a camera, each about 5 cm large."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from tfapp.pose.simulation.solids import cap, mesh_of, prism, rectangle, regular_polygon, ring, side

_ROUND = 48  # corners of a circle that is seen
_COARSE = 24  # corners of a circle that touches other parts


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
