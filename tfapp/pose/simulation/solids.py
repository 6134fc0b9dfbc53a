"""Surfaces of solids that are stacks of prisms along z, as triangles (t, 3, 3) whose normals point outwards."""

import numpy as np

_DECIMALS = 9


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
