"""Which points of a cloud a camera does not see, by the nearest point in each pixel: within the graph."""

import tensorflow as tf

from tfapp.layers.rotations import rotation_from_ortho6d
from tfapp.layers.spherical_flipping import AT_CAMERA, LEAST_POINTS
from tfapp.layers.tv_arguments import at_least_float32

# Less far in front of the camera than this, as a share of the distance, a point is beside the picture.
_LEAST_DEPTH = 0.01


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
