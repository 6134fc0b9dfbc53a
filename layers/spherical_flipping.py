"""Which points of a cloud a camera does not see: spherical flipping and a convex hull, in NumPy."""

import math
from functools import partial

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from tfapp.layers.outside_graph import map_scenes
from tfapp.layers.tv_arguments import check_choice

BACKENDS = ("scipy", "open3d")
# A hull in space takes four points and the camera.
LEAST_POINTS = 5
# Nearer to the camera than this, as a share of the farthest point's distance, a point is at the camera.
AT_CAMERA = 1e-9


def hidden_point_mask(
    points, *, exponent=2.9, camera=(0.0, 0.0, 0.0), exists=None, backend="scipy", threads=None
):
    """Return which points are hidden from a camera by the others.

    Every point p, seen from the camera C, is flipped to the outside of a sphere of radius R around C,

        p' = p + 2 (R - |p|) p / |p|,    R = max |p| * 10^exponent,

    and is visible if p' is a vertex of the convex hull of all p' and C. The larger the exponent, the more points are
    visible; the denser the cloud, the larger it should be (2.0 for 256 points on a part, 2.9 for 1024).

    Points that are not finite are hidden and do not disturb the others; a point at the camera is visible and hides
    nothing. With fewer than five points left, or when these and the camera are in one plane, all of them are visible.

    Args:
        points: Array `(n, 3)` or `(batch, n, 3)` in any unit: multiplied by a number, the answer is the same.
        exponent: Number in [0, 10]; it is no radius.
        camera: The camera's place (x, y, z) in the unit of the points.
        exists: Boolean `(n,)` or `(batch, n)`, False for points that are none: they are hidden and hide nothing. All
            points if None.
        backend: `"scipy"`, or `"open3d"` (the package has to be installed) for the same on one thread, as a reference.
        threads: Scenes at a time, or None for as many as TensorFlow takes for an operation.

    Returns:
        Boolean array `(n,)` or `(batch, n)`, True for hidden.

    Raises:
        ValueError: For other shapes or options.
        ImportError: For `"open3d"` where it cannot be imported.

    Reference:
        S. Katz, A. Tal, R. Basri, "Direct Visibility of Point Sets", 2007, doi:10.1145/1276377.1276407. That R is
        relative and its logarithm the parameter is how Y. Wu, dissertation, chapter 4, gives it.
    """
    check_choice("backend", backend, BACKENDS)
    radius, camera = 10.0 ** checked_exponent(exponent), checked_place(camera)
    points = np.asarray(points, np.float64)
    if points.ndim not in (2, 3) or points.shape[-1] != 3:
        raise ValueError(
            "`points` must have shape (points, 3) or (batch, points, 3). "
            f"Received: points.shape={points.shape}"
        )
    exists = np.broadcast_to(True if exists is None else np.asarray(exists, bool), points.shape[:-1])
    if points.ndim == 2:
        points, exists = points[None], exists[None]
        return hidden_point_mask(
            points, exponent=exponent, camera=camera, exists=exists, backend=backend, threads=1
        )[0]
    hull = {"scipy": _hull_of_scipy, "open3d": _hull_of_open3d}[backend]
    visible = map_scenes(
        partial(_visible_in_scene, radius=radius, hull=hull),
        points - np.array(camera),
        exists,
        # Open3D lets no other thread run meanwhile.
        threads=1 if backend == "open3d" else threads,
    )
    return ~np.reshape(visible, exists.shape).astype(bool)


def checked_exponent(exponent):
    """Return the exponent as a float; one above 10 leaves no digits for the hull and was meant as a radius."""
    if not 0 <= exponent <= 10:
        raise ValueError(
            "`exponent` must be in [0, 10]: the radius is 10^exponent times the farthest point's distance. "
            f"Received: exponent={exponent}"
        )
    return float(exponent)


def checked_place(camera):
    """Return the camera's place as three floats."""
    place = tuple(float(x) for x in camera)
    if len(place) != 3 or not all(map(math.isfinite, place)):
        raise ValueError(f"`camera` must be three finite numbers (x, y, z). Received: camera={camera}")
    return place


def _visible_in_scene(points, exists, radius, hull):
    with np.errstate(over="ignore"):
        distances = np.linalg.norm(points, axis=-1)
    visible = exists & np.isfinite(distances)
    farthest = distances.max(initial=0.0, where=visible)
    away = visible & (distances > AT_CAMERA * farthest)
    if np.count_nonzero(away) >= LEAST_POINTS:
        visible[away] = hull(points[away] / farthest, radius)
    return visible


def _hull_of_scipy(points, radius):
    distances = np.linalg.norm(points, axis=-1, keepdims=True)
    flipped = points + 2 * (radius - distances) * points / distances
    try:
        triangles = ConvexHull(np.vstack([flipped, np.zeros(3)])).simplices
    except QhullError:  # all in one plane
        return True
    return _at(triangles, len(points) + 1)[:-1]


def _hull_of_open3d(points, radius):
    open3d = import_open3d()
    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(points))
    try:
        _, vertices = cloud.hidden_point_removal(np.zeros(3), radius)
    except RuntimeError:  # all in one plane
        return True
    return _at(vertices, len(points))


def _at(indices, length):
    mask = np.zeros(length, bool)
    mask[indices] = True
    return mask


def import_open3d():
    try:
        import open3d
    except ImportError as error:
        raise ImportError(
            f'backend="open3d" needs the package open3d-cpu and the libraries it loads: {error}'
        ) from error
    return open3d
