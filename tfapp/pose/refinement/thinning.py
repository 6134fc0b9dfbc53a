"""Thinning of noisy clouds: points are put onto the surface that the measured points around them show.

Moving least squares, M. Alexa and others, Computing and rendering point set surfaces, 2003, with the planes alone.
"""

import numpy as np
from scipy.spatial import cKDTree

# Neighbours count by a Gaussian of so many spreads of the noise, and as far as so many of its own spreads. A wider one
# rounds edges off: of bolts at their true poses, seen by a RealSense, it left .38 mm with 2 and .17 mm with 1.
_WIDTH, _REACH = 1.0, 3.0
# Steps towards the plane of the neighbours, each of which sees them from where the last one ended.
_STEPS = 3
# Neighbours of a point at most; of denser clouds some points are drawn.
_NEIGHBOURS = 200
# Points with a smaller share of the usual density of neighbours lie beside the surface: pixels at edges.
_LEAST_DENSITY = 0.3


def thinned(points, cloud, noise, seed=0):
    """Return the points moved onto the surface that a noisy cloud shows, without those that lie where little of it is.

    Args:
        points: `(m, 3)`, metres.
        cloud: `(n, 3)`, measured points around one surface, metres.
        noise: Spread of the cloud about the surface (standard deviation), metres, above 0.
        seed: Of the points that are drawn of a dense cloud.

    Returns:
        float64 `(k, 3)` with k <= m.
    """
    width = _WIDTH * noise
    rng = np.random.default_rng(seed)
    some = points[rng.permutation(len(points))[:100]]
    around = np.median(cKDTree(cloud).query_ball_point(some, _REACH * width, return_length=True))
    if around > _NEIGHBOURS:
        cloud = cloud[np.sort(rng.permutation(len(cloud))[: int(len(cloud) * _NEIGHBOURS / around)])]
    tree, count = cKDTree(cloud), min(2 * _NEIGHBOURS, len(cloud))
    for _ in range(_STEPS):
        away, near = tree.query(points, count, distance_upper_bound=_REACH * width)
        weights = np.where(np.isfinite(away), np.exp(-0.5 * (away / width) ** 2), 0.0)[..., None]
        density = weights.sum(1)
        neighbours = cloud[np.minimum(near, len(cloud) - 1)]
        middle = (weights * neighbours).sum(1) / np.maximum(density, 1e-9)
        centred = neighbours - middle[:, None]
        normal = np.linalg.eigh(np.swapaxes(weights * centred, 1, 2) @ centred)[1][..., 0]
        off = ((points - middle) * normal).sum(1, keepdims=True)
        points = np.where(density > 0, points - off * normal, points)
    return points[density[:, 0] > _LEAST_DENSITY * np.median(density)]
