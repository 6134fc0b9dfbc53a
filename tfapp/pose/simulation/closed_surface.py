"""Whether triangles are the surface of a solid."""

import numpy as np

# More open edges than this are holes, not sides that were divided on one face only.
_MOST_OPEN = 5000


def is_closed(vertices, triangles, tolerance):
    """Return whether every edge is run along as often in one direction as in the other.

    So it is on the surface of a solid, also of one that consists of several bodies or intersects itself. A side may be
    one edge of one face and several edges of the next: edges are divided where corners of open edges lie on them.

    Args:
        vertices: (v, 3).
        triangles: (t, 3), corners of each, in their turn.
        tolerance: How far from an edge a corner may lie on it.
    """
    starts, ends = triangles.ravel(), np.roll(triangles, -1, axis=1).ravel()
    edges, balance = _balance(starts, ends, np.ones(len(starts)))
    if not balance.any():
        return True
    edges, balance = edges[balance != 0], balance[balance != 0]
    if len(edges) > _MOST_OPEN:
        return False
    corners = np.unique(edges)
    parts = [_divided(vertices, edge, corners, tolerance) for edge in edges]
    counts = np.repeat(balance, [len(part) - 1 for part in parts])
    _, balance = _balance(
        np.concatenate([part[:-1] for part in parts]), np.concatenate([part[1:] for part in parts]), counts
    )
    return not balance.any()


def _balance(starts, ends, counts):
    """Return each edge once, (e, 2) from the smaller index, and how much oftener it is run along forwards."""
    edges = np.stack([np.minimum(starts, ends), np.maximum(starts, ends)], axis=1)
    edges, which = np.unique(edges, axis=0, return_inverse=True)
    return edges, np.bincount(which.ravel(), np.where(starts < ends, counts, -counts))


def _divided(vertices, edge, corners, tolerance):
    """Return the indices of an edge's ends, and between them of the corners that lie on it, in order."""
    start, end = vertices[edge]
    along = end - start
    length = np.linalg.norm(along)
    offsets = vertices[corners] - start
    place = offsets @ along / length
    away = np.linalg.norm(offsets - place[:, None] * along / length, axis=1)
    inside = (away < tolerance) & (place > tolerance) & (place < length - tolerance)
    return np.concatenate([edge[:1], corners[inside][np.argsort(place[inside])], edge[1:]])
