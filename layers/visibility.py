"""Visibility of the points of a cloud: a Keras layer, by spherical flipping and a hull or by a depth buffer."""

import math
from functools import partial

import keras
import numpy as np
import tensorflow as tf
from scipy.spatial import ConvexHull, QhullError

from tfapp.layers.arguments import at_least_float32, check_choice, check_count, check_positive
from tfapp.layers.host_functions import map_scenes, refuse_xla
from tfapp.layers.options import CheckedOptions
from tfapp.layers.transforms import rotation_from_ortho6d

BACKENDS = ("scipy", "open3d")
# A hull in space takes four points and the camera.
LEAST_POINTS = 5
# Nearer to the camera than this, as a share of the farthest point's distance, a point is at the camera.
AT_CAMERA = 1e-9
# Less far in front of the camera than this, as a share of the distance, a point is beside the picture.
_LEAST_DEPTH = 0.01


@keras.saving.register_keras_serializable(package="tfapp")
class HiddenPointRemoval(CheckedOptions, keras.layers.Layer):
    """Tell which points of each cloud a camera sees, as a mask for `chamfer_distance`.

    A point is visible if, flipped to the outside of a large sphere around the camera, it is a vertex of the convex
    hull of all flipped points and the camera; `hidden_point_mask` has the formula. What is not finite is hidden, a
    point at the camera visible; with fewer than five others, or all in one plane with the camera, all are visible.
    The mask has no gradient.

    The hulls of `"scipy"` and `"open3d"` are computed in Python: not with XLA, nor in a SavedModel.

    Args:
        exponent: Number in [0, 10]: the sphere's radius is 10^exponent times the distance of the farthest point. The
            larger, the more points are visible: about 2.0 for 256 points on a part, 2.9 for 1024.
        camera: The camera's place (x, y, z) in the unit of the points.
        backend: `"scipy"`, hulls of several scenes at a time; `"open3d"`, the same one after the other, as a
            reference; or `"z-buffer"`, within the graph: visible is what is nearest in its pixel. It agrees with the
            hulls in only about .82 of the points (2048 on two parts, the default options) and takes no `exponent`.
        threads: Scenes at a time for `"scipy"`, or None for as many as TensorFlow takes for an operation.
        pixels: For `"z-buffer"`: side of the square picture that holds the cloud.
        splat: For `"z-buffer"`: odd number, a point covers a square of so many pixels a side.
        tolerance: For `"z-buffer"`: how much farther away than the nearest point in its pixel a visible one may be,
            as a share of the largest side of the cloud's box.

    Call arguments:
        points: Float tensor `(batch, n, 3)`; float32 is meant, and half precision is taken as it is.
        exists: Boolean `(batch, n)`, False for points that are none: they are hidden and hide nothing. All points if
            None.

    Output shape:
        Boolean `(batch, n)`, True for visible.

    Reference:
        S. Katz, A. Tal, R. Basri, "Direct Visibility of Point Sets", 2007, doi:10.1145/1276377.1276407.
    """

    OPTIONS = ("exponent", "camera", "backend", "threads", "pixels", "splat", "tolerance")
    BUILT_IN = ("backend",)

    def __init__(
        self,
        exponent=2.9,
        camera=(0.0, 0.0, 0.0),
        backend="scipy",
        threads=None,
        pixels=64,
        splat=3,
        tolerance=0.05,
        **kwargs,
    ):
        # Rounded to half precision many points would be in one place.
        super().__init__(autocast=False, **kwargs)
        self.backend = backend
        self.exponent, self.camera, self.threads = exponent, camera, threads
        self.pixels, self.splat, self.tolerance = pixels, splat, tolerance

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        if name == "backend":
            self.supports_jit = value == "z-buffer"

    def checked(self, name, value):
        if name == "exponent":
            return checked_exponent(value)
        if name == "camera":
            return checked_position(value)
        if name == "backend":
            check_choice(name, value, (*BACKENDS, "z-buffer"))
            if value == "open3d":
                import_open3d()
            return value
        if name == "tolerance":
            check_positive(**{name: value})
            return float(value)
        if name == "threads" and value is None:
            return value
        check_count(**{name: value})
        sizes = {"pixels": self.__dict__.get("pixels"), "splat": self.__dict__.get("splat"), name: value}
        pixels, splat = sizes["pixels"], sizes["splat"]
        if splat is not None and (splat % 2 == 0 or splat > pixels):
            raise ValueError(
                f"`splat` must be an odd integer up to `pixels`. Received: splat={splat}, pixels={pixels}"
            )
        return int(value)

    def is_traced(self, name):
        # Hulls are computed in Python, which reads the options each time.
        return self.backend == "z-buffer" and super().is_traced(name)

    def build(self, points_shape, exists_shape=None):
        del exists_shape
        if len(points_shape) != 3 or points_shape[-1] != 3:
            raise ValueError(
                "HiddenPointRemoval expects points of shape (batch, points, 3). "
                f"Received: input_shape={tuple(points_shape)}"
            )
        self.built = True

    def call(self, points, exists=None):
        points = tf.stop_gradient(points)
        exists = tf.ones(tf.shape(points)[:2], tf.bool) if exists is None else tf.cast(exists, tf.bool)
        if self.backend == "z-buffer":
            return visible_in_buffer(points, exists, self.camera, self.pixels, self.splat, self.tolerance)
        refuse_xla("backend", self.backend, "'z-buffer'")
        visible = tf.numpy_function(self._visible, [points, exists], tf.bool, stateful=False)
        return tf.ensure_shape(visible, points.shape[:2])

    def _visible(self, points, exists):
        return ~hidden_point_mask(
            points,
            exponent=self.exponent,
            camera=self.camera,
            exists=exists,
            backend=self.backend,
            threads=self.threads,
        )

    def compute_output_shape(self, points_shape, exists_shape=None):
        del exists_shape
        return tuple(points_shape[:-1])

    def compute_output_spec(self, points, exists=None):
        # From the shape alone Keras would take the mask for floats.
        del exists
        return keras.KerasTensor(self.compute_output_shape(points.shape), "bool")

    def get_config(self):
        return {**super().get_config(), **{name: getattr(self, name) for name in self.OPTIONS}}


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
    radius, camera = 10.0 ** checked_exponent(exponent), checked_position(camera)
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


def checked_position(camera):
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
        visible[away] = _alike(points[away], hull(points[away] / farthest, radius))
    return visible


def _alike(points, visible):
    """Return a mask of points in which those in one place are all visible if one is: a hull names one of them."""
    # Zeros of both signs are one place.
    rows = np.ascontiguousarray(points + 0.0)
    _, place, counts = np.unique(
        rows.view(f"V{rows.strides[0]}").ravel(), return_inverse=True, return_counts=True
    )
    if len(counts) == len(points):
        return visible
    return (np.bincount(place, np.broadcast_to(visible, len(points))) > 0)[place]


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


def visible_in_buffer(points, exists, camera, pixels, splat, tolerance):
    """Return which points are the nearest in their pixel or little farther away than it.

    The picture is a square that holds the cloud, seen along the mean direction to its points. Points beside the
    camera or behind it are not in it and count as visible; so do those at the camera. Fewer than five are all visible.

    Args:
        points: Float tensor `(batch, n, 3)`; those that are not finite are hidden.
        exists: Boolean `(batch, n)`; the others are hidden and hide nothing.
        camera: The camera's place (x, y, z).
        pixels: Side of the picture in pixels.
        splat: Odd number: a point covers a square of so many pixels a side.
        tolerance: How much farther away a visible point may be, as a share of the largest side of the cloud's box.

    Returns:
        Boolean `(batch, n)`, True for visible.
    """
    points = at_least_float32(points)
    exists = exists & tf.reduce_all(tf.math.is_finite(points), -1)
    points = tf.where(exists[..., None], points - tf.constant(camera, points.dtype), 0.0)
    distances = tf.norm(points, axis=-1)
    farthest = tf.reduce_max(distances, -1, keepdims=True)
    away = exists & (distances > AT_CAMERA * farthest)
    depths, places = _projected(points, distances, away)
    pictured = away & (depths > _LEAST_DEPTH * distances)
    cells = _cells(places, pictured, pixels, splat)
    nearest = _nearest_in_cells(tf.where(pictured, distances, distances.dtype.max), cells, pixels, splat)
    seen = distances <= nearest + tolerance * _largest_side(points, away)
    few = tf.math.count_nonzero(away, -1, keepdims=True) < LEAST_POINTS
    return exists & (seen | ~pictured | few)


def _projected(points, distances, away):
    """Return the depths `(batch, n)` along the mean direction, and the places `(batch, n, 2)` in the picture."""
    directions = points / tf.where(away, distances, tf.ones_like(distances))[..., None]
    forward = tf.reduce_sum(tf.where(away[..., None], directions, 0.0), axis=1)
    # Any second direction will do; if it is parallel to the first another one is taken.
    frame = rotation_from_ortho6d(tf.concat([forward, tf.ones_like(forward) * [0.0, 1.0, 0.0]], -1))
    seen = tf.matmul(points, frame)
    depths = seen[..., 0]
    safe = tf.where(depths > _LEAST_DEPTH * distances, depths, tf.ones_like(depths))
    return depths, seen[..., 1:] / safe[..., None]


def _cells(places, pictured, pixels, splat):
    """Return row and column `(batch, n, 2)` of each point's pixel, far enough from the border for its square."""
    large = places.dtype.max
    low = tf.reduce_min(tf.where(pictured[..., None], places, large), axis=1, keepdims=True)
    high = tf.reduce_max(tf.where(pictured[..., None], places, -large), axis=1, keepdims=True)
    side = tf.reduce_max(high - low, axis=-1, keepdims=True)
    share = tf.math.divide_no_nan(places - low, side)
    inside = tf.cast(tf.where(pictured[..., None], share, 0.0) * (pixels - splat), tf.int32)
    return tf.clip_by_value(inside, 0, pixels - splat) + splat // 2


def _nearest_in_cells(distances, cells, pixels, splat):
    """Return the least distance `(batch, n)` of the points whose squares cover each point's pixel."""
    batch = tf.shape(cells)[0]
    own = (tf.range(batch)[:, None] * pixels + cells[..., 0]) * pixels + cells[..., 1]
    reach = tf.range(splat) - splat // 2
    square = tf.reshape(reach[:, None] * pixels + reach, (-1, 1, 1))
    covered = own + square
    nearest = tf.math.unsorted_segment_min(
        tf.broadcast_to(distances, tf.shape(covered)), covered, batch * pixels * pixels
    )
    return tf.gather(nearest, own)


def _largest_side(points, away):
    low = tf.reduce_min(tf.where(away[..., None], points, points.dtype.max), axis=1)
    high = tf.reduce_max(tf.where(away[..., None], points, -points.dtype.max), axis=1)
    return tf.reduce_max(high - low, axis=-1, keepdims=True)
