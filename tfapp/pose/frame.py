"""Where the network's origin is and how long its unit, from what the scenes show."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Frame:
    """The network's frame in that of the camera.

    Attributes:
        centre: Its origin in metres; on the optical axis, so that a camera that moves around a bin needs no other.
        unit: Length in metres that is 1 in it.
    """

    centre: tuple
    unit: float


def frame_of(points):
    """Return the `Frame` of observed points.

    The origin lies on the optical axis at the median depth; the unit is such that 95 % of the points lie within 1 of
    it, across and along the axis.

    Args:
        points: Float array `(scenes, n, 3)` in metres, in the frame of the camera.
    """
    depth = float(np.median(points[..., 2]))
    away = np.abs(points - np.array([0.0, 0.0, depth])).max(-1)
    return Frame((0.0, 0.0, round(depth, 6)), round(float(np.quantile(away, 0.95)), 6))
