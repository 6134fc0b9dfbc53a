"""Faces of any number of corners as triangles."""

import numpy as np

from tfapp.errors import InputError
from tfapp.pose.libraries import import_earcut


def triangulate(path, points, faces):
    """Return the triangles int64 (t, 3) of faces, which keep their sense of rotation.

    A face of more corners is cut along diagonals inside of it, in the plane that fits it best, so it may be concave. Of
    a face without area nothing is left.

    Args:
        path: The file they are from, for the errors.
        points: float64 (v, 3).
        faces: Sequence of int arrays (corners of the face,), or one array (faces, 3).

    Raises:
        InputError: A face has fewer than three corners, or one that is no point.
    """
    for face in _irregular(points, faces):
        if len(face) < 3:
            raise InputError(f"{path} is damaged: a face has {len(face)} corners; expected 3 or more.")
        wrong = next((corner for corner in face if not 0 <= corner < len(points)), None)
        if wrong is not None:
            raise InputError(f"{path} is damaged: a face has the corner {wrong} of {len(points)} vertices.")
    if isinstance(faces, np.ndarray) and faces.ndim == 2:
        return faces.astype(np.int64)
    earcut = import_earcut()
    found = [face[None] if len(face) == 3 else _cut(earcut, points, face) for face in faces]
    return np.concatenate(found).astype(np.int64) if found else np.zeros((0, 3), np.int64)


def _irregular(points, faces):
    """Yield the faces that are none."""
    if isinstance(faces, np.ndarray) and faces.ndim == 2:
        yield from faces[((faces < 0) | (faces >= len(points))).any(1)] if faces.shape[1] == 3 else faces[:1]
        return
    for face in faces:
        if len(face) < 3 or face.min() < 0 or face.max() >= len(points):
            yield face


def _cut(earcut, points, face):
    corners = points[face]
    following = np.roll(corners, -1, axis=0)
    # Newell's normal, about which the corners turn to the left; what comes back turns so too.
    normal = np.cross(corners, following).sum(0)
    length = np.linalg.norm(normal)
    if not length > 0:
        return np.zeros((0, 3), np.int64)
    side = np.eye(3)[np.argmin(np.abs(normal))]
    first = np.cross(side, normal / length)
    first /= np.linalg.norm(first)
    plane = np.stack([corners @ first, corners @ np.cross(normal / length, first)], -1)
    triangles = earcut.triangulate_float64(plane - plane.mean(0), np.array([len(face)], np.uint32))
    return face[np.reshape(triangles, (-1, 3)).astype(np.int64)]
