"""Grippers as simple boxes, in a frame of their own.

The origin is where the part is held: in the middle between two fingers, or in the middle of the cup's lip. z leads to
the part, x is the direction in which fingers close.
"""

from dataclasses import dataclass, fields

import numpy as np

from tfapp.errors import InputError

# Height of the palm behind fingers, and of the holder behind a cup, metres.
_BEHIND = 0.05
# Of the diameter of a cup: the play of its lip.
_SEAL = 0.1
# Of the width of a finger, and of the diameter of a cup: how deep the palm and how wide the holder are.
_PALM, _HOLDER = 2.0, 3.0


class _Gripper:
    """What both kinds have."""

    def check(self):
        """Raise InputError for a length or a number that is not above 0, or beyond what it can be."""
        for field in fields(self):
            value, most = getattr(self, field.name), _MOST[field.name]
            if not 0 < value <= most:
                raise InputError(f"`{field.name}` must be above 0 and at most {most:g}; got {value:g}.")

    def to_json(self):
        """Return the kind and all numbers, as files keep them."""
        return {"kind": self.kind, **{field.name: getattr(self, field.name) for field in fields(self)}}


_MOST = {
    **dict.fromkeys(
        ("opening", "finger_width", "finger_thickness", "cup_diameter", "clearance", "seal"), 0.5
    ),
    **dict.fromkeys(("finger_length", "cup_length"), 1.0),
    "friction": 10.0,
}


@dataclass(frozen=True)
class ParallelGripper(_Gripper):
    """Two fingers that close along a line; lengths in metres.

    Attributes:
        opening: Between the fingers, at most.
        finger_width: Across the closing direction.
        finger_thickness: Along it.
        finger_length: From the palm to the tips, which reach beyond the contacts by half of the width.
        clearance: What a finger is opened further than the part is wide, on either side.
        friction: Coefficient between finger and part.
    """

    opening: float
    finger_width: float = 0.01
    finger_thickness: float = 0.006
    finger_length: float = 0.045
    clearance: float = 0.003
    friction: float = 0.5
    kind = "parallel"

    @property
    def reach(self):
        """How far the tips are beyond the line between the contacts: it runs through the middle of a square pad."""
        return self.finger_width / 2

    @property
    def widest(self):
        """Widest part that fits between the fingers."""
        return self.opening - 2 * self.clearance

    def boxes(self, width, inner=None):
        """Return the lower and the upper corners `(3, 2, 3)` of both fingers and the palm, opened for a part.

        Args:
            width: Of the part between the contacts.
            inner: From the middle to a finger's pad; by default the half width and the clearance.
        """
        outer = width / 2 + self.clearance + self.finger_thickness
        inner = width / 2 + self.clearance if inner is None else inner
        across, tip = self.finger_width / 2, self.reach
        root, back = tip - self.finger_length, tip - self.finger_length - _BEHIND
        wide, deep = self.opening / 2 + self.finger_thickness, _PALM * across
        return np.array(
            [
                [[inner, -across, root], [outer, across, tip]],
                [[-outer, -across, root], [-inner, across, tip]],
                [[-wide, -deep, back], [wide, deep, root]],
            ]
        )


@dataclass(frozen=True)
class SuctionGripper(_Gripper):
    """A suction cup; lengths in metres.

    Attributes:
        cup_diameter: Of its lip.
        cup_length: From the lip to the holder.
        seal: How far the surface below the lip may be from a plane for the cup to close on it; a tenth of the
            diameter by default.
    """

    cup_diameter: float
    cup_length: float = 0.03
    seal: float | None = None
    kind = "suction"

    def __post_init__(self):
        if self.seal is None:
            object.__setattr__(self, "seal", _SEAL * self.cup_diameter)

    def boxes(self, width=0.0):
        """Return the lower and the upper corners `(2, 2, 3)` of cup and holder, which begin above the lip's play."""
        del width
        radius, wide = self.cup_diameter / 2, _HOLDER * self.cup_diameter / 2
        root, back = -self.cup_length, -self.cup_length - _BEHIND
        return np.array(
            [
                [[-radius, -radius, root], [radius, radius, -2 * self.seal]],
                [[-wide, -wide, back], [wide, wide, root]],
            ]
        )


GRIPPERS = {one.kind: one for one in (ParallelGripper, SuctionGripper)}
_SIZE_OF = {"parallel": "opening", "suction": "cup_diameter"}


def gripper_of(kind, **numbers):
    """Return the gripper of a kind, with those of the numbers by their attributes' names that are not None.

    Raises:
        InputError: There is no such kind, its size is missing, or a number is for another kind or out of its range.
    """
    if kind not in GRIPPERS:
        raise InputError(f"Unknown `gripper` {kind!r}; choose one of: {', '.join(GRIPPERS)}.")
    own = {field.name for field in fields(GRIPPERS[kind])}
    given = {name: value for name, value in numbers.items() if value is not None}
    other = next((name for name in given if name not in own), None)
    if other is not None:
        raise InputError(f"`{other}` is not for `gripper` {kind}; leave it out.")
    if _SIZE_OF[kind] not in given:
        raise InputError(f"`gripper` {kind} needs its `{_SIZE_OF[kind]}` in metres.")
    gripper = GRIPPERS[kind](**given)
    gripper.check()
    return gripper


def inside_boxes(points, boxes):
    """Return bool `(..., m)`: which of the points `(..., m, 3)`, in the gripper's frame, are in one of the boxes."""
    found = np.zeros(points.shape[:-1], bool)
    for low, high in boxes:
        found |= ((points > low) & (points < high)).all(-1)
    return found


def box_surfaces(boxes, step):
    """Return points `(n, 3)` on all sides of boxes, no farther apart than a step."""
    points = []
    for low, high in boxes:
        ticks = [
            np.linspace(a, b, max(2, int(np.ceil((b - a) / step)) + 1))
            for a, b in zip(low, high, strict=True)
        ]
        for axis in range(3):
            for side in (low[axis], high[axis]):
                grid = [ticks[other] if other != axis else np.array([side]) for other in range(3)]
                points.append(np.stack(np.meshgrid(*grid, indexing="ij"), -1).reshape(-1, 3))
    return np.concatenate(points)
