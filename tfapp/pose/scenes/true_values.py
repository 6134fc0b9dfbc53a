"""Checks of what a folder says is true, by its values: poses and the mesh of the part."""

import numpy as np

from tfapp.errors import InputError

# Poses that people write have a few digits.
_ORTHOGONAL = 1e-3
# Metres: what is farther from a depth camera, or larger than a part in a bin, is of another unit.
_FARTHEST, _LARGEST, _SMALLEST = 20.0, 5.0, 0.0005


def checked_poses(named, rotation, translation):
    """Return true poses as they are.

    Args:
        named: What the sentence calls them, such as "The true poses of scene 0001 of parts".
        rotation: (N, 3, 3).
        translation: (N, 3), metres.

    Raises:
        InputError: A matrix is no rotation, or a translation is not that of a part before a camera in metres.
    """
    squares = rotation @ np.swapaxes(rotation, 1, 2)
    if not (np.allclose(squares, np.eye(3), atol=_ORTHOGONAL) and (np.linalg.det(rotation) > 0).all()):
        raise InputError(
            f"{named} hold a matrix that is no rotation; expected orthogonal 3x3 matrices of determinant 1."
        )
    away = translation[:, 2]
    if not ((away > 0) & (away < _FARTHEST)).all():
        worst = away[np.argmax(np.abs(away))]
        raise InputError(
            f"{named} hold a translation whose z is {worst:.4g}; expected metres from the camera, up to "
            f"{_FARTHEST:g}: divide millimetres by 1000."
        )
    return rotation, translation


def checked_mesh(file, vertices, triangles):
    """Return the mesh of a part as it is.

    Args:
        file: Its file, for the sentence.
        vertices: (v, 3), metres.
        triangles: (t, 3).

    Raises:
        InputError: It is too large or too small for a part in metres.
    """
    extent = float(np.ptp(vertices, axis=0).max())
    if not _SMALLEST <= extent <= _LARGEST:
        raise InputError(
            f"{file} is {extent:.4g} m large; expected the part in metres, from {1000 * _SMALLEST:g} mm to "
            f"{_LARGEST:g} m: scale a mesh in millimetres by 0.001."
        )
    return vertices, triangles
