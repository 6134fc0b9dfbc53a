"""Small meshes of parts for the tests of scores and pictures, in metres."""

import numpy as np

_CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
_TRIANGLES = np.array(
    [
        [0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
        [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3],
    ]
)  # fmt: skip


def boxes(*corners):
    """Return vertices and triangles of boxes, each given by its two opposite corners."""
    vertices = [low + _CORNERS * (np.array(high) - low) for low, high in corners]
    triangles = [_TRIANGLES + 8 * index for index in range(len(corners))]
    return np.concatenate(vertices), np.concatenate(triangles)


def bracket():
    """Return an L of two legs of different length: its own mirror image, otherwise without symmetry."""
    return boxes(
        ((-0.03, -0.01, -0.02), (0.03, 0.01, -0.014)), ((-0.03, -0.01, -0.014), (-0.024, 0.01, 0.02))
    )


def handed():
    """Return the L with a peg at one side: not its own mirror image."""
    vertices, triangles = bracket()
    peg, peg_triangles = boxes(((0.015, 0.01, -0.02), (0.03, 0.04, -0.014)))
    return np.concatenate([vertices, peg]), np.concatenate([triangles, peg_triangles + len(vertices)])
