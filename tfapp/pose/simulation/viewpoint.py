"""From where the bin is seen."""

import itertools

import numpy as np
from scipy.spatial.transform import Rotation

from tfapp.pose.scenes.camera import Camera
from tfapp.pose.simulation.bin_shape import bin_mesh

# Of the half-width of the bin's floor: how far the camera is from its centre.
DISTANCE = 6.7
_ANGLES, _TURNS = 9, 72


def bin_camera(size, tilt=0.0) -> Camera:
    """Return the camera of square pictures, size x size pixels, that the bin fills from any direction of the cone.

    Args:
        size: Height and width in pixels.
        tilt: Largest angle from the vertical in radians.
    """
    focal = size / 2 / _half_picture(tilt)
    return Camera(size, size, focal, focal, size / 2, size / 2)


def random_view(half_width, tilt, rng):
    """Return a transformation from the bin to a camera that looks at the centre of its floor.

    The direction is uniform in a cone around the vertical: uniform in the cosine, and about the axis. From above, x of
    the picture is x of the bin; from there the camera is moved along a great circle.

    Args:
        half_width: Of the bin's floor, in metres.
        tilt: Largest angle from the vertical in radians; 0: from above.
        rng: NumPy `Generator`.

    Returns:
        rotation: float64 (3, 3).
        translation: float64 (3,) in metres.
    """
    return view_from(half_width, np.arccos(rng.uniform(np.cos(tilt), 1.0)), rng.uniform(0, 2 * np.pi))


def view_from(half_width, away, about):
    """Return the transformation as `random_view` does, for a direction in spherical coordinates, in radians."""
    tilted = Rotation.from_rotvec(away * np.array([-np.sin(about), np.cos(about), 0.0])).as_matrix()
    # Columns: the axes of the camera in the bin, of which y and z turn round as it looks down.
    axes = tilted @ np.diag([1.0, -1.0, -1.0])
    return axes.T, np.array([0.0, 0.0, DISTANCE * half_width])


def _half_picture(tilt):
    """Return the tangent of half the angle of view that holds the bin from everywhere in the cone."""
    corners, _ = bin_mesh(1.0)
    views = itertools.product(
        np.linspace(0, tilt, _ANGLES), np.linspace(0, 2 * np.pi, _TURNS, endpoint=False)
    )
    seen = (corners @ turn.T + shift for turn, shift in (view_from(1.0, *direction) for direction in views))
    return max(np.abs(points[:, :2] / points[:, 2:]).max() for points in seen)
