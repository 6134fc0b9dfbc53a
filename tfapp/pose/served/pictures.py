"""Pictures of evidence from the depth of a request: what `evidence_of` finds by SciPy, by TensorFlow's operations."""

from typing import NamedTuple

import tensorflow as tf

# Of larger images every second, third, ... pixel is taken in both directions: the work grows with the third power.
MOST_SIDE = 256
# Metres: what claims to be farther measured nothing.
FARTHEST = 1000.0


class Pictures(NamedTuple):
    """Pictures of B scenes, as of `Evidence`, and the intrinsics that they are seen by.

    Attributes:
        front, gap, behind: float32 `(B, h, w)`, metres.
        nearest: float32 `(B, h, w, 3)`, metres.
        intrinsics: float32 `(4,)`: fx, fy, cx, cy in their pixels.
    """

    front: tf.Tensor
    gap: tf.Tensor
    behind: tf.Tensor
    nearest: tf.Tensor
    intrinsics: tf.Tensor


def cleaned(depth):
    """Return depth of the parts, 0 where none is: of numbers that are not finite, negative, or beyond a kilometre."""
    return tf.where((depth > 0) & (depth < FARTHEST), depth, 0.0)


def point_map(depth, intrinsics):
    """Return the points `(B, h, w, 3)`, metres in the camera's frame, that depth `(B, h, w)` shows; 0 where none is."""
    fx, fy, cx, cy = tf.unstack(intrinsics)
    x = (tf.range(tf.shape(depth)[2], dtype=depth.dtype) + 0.5 - cx) / fx
    y = (tf.range(tf.shape(depth)[1], dtype=depth.dtype) + 0.5 - cy) / fy
    return tf.stack([depth * x, depth * y[:, None], depth], -1)


def pictures_of(depth, unknown, intrinsics):
    """Return the `Pictures` of depth images.

    Args:
        depth: float32 `(B, height, width)`, metres, of the parts alone, 0 elsewhere; the size must be known.
        unknown: bool `(B, height, width)`, where it is not known whether a part is there.
        intrinsics: float32 `(4,)`: fx, fy, cx, cy in pixels.
    """
    stride = -(-max(depth.shape[1:]) // MOST_SIDE)
    first = stride // 2
    depth, unknown = (one[:, first::stride, first::stride] for one in (depth, unknown))
    # The centre of a pixel is at +0.5, before and after.
    intrinsics = tf.concat([intrinsics[:2] / stride, (intrinsics[2:] - first - 0.5) / stride + 0.5], 0)
    shown = depth > 0
    away, place = nearest_shown(shown)
    pixel = _median(depth) / tf.sqrt(intrinsics[0] * intrinsics[1])
    # A part may reach to the far border of the next pixel.
    gap = tf.maximum(away - 1, 0) * pixel[:, None, None]
    points = tf.reshape(point_map(depth, intrinsics), (tf.shape(depth)[0], -1, 3))
    far = tf.where(shown, depth, FARTHEST)[..., None]
    front = -tf.nn.max_pool2d(-far, 3, 1, "SAME")[..., 0]
    return Pictures(
        front=tf.where(shown, front, 0.0),
        gap=tf.where(unknown, 0.0, gap),
        # What is no part and known is far behind all of them.
        behind=tf.where(shown | unknown, 0.0, FARTHEST),
        nearest=tf.gather(points, place, batch_dims=1),
        intrinsics=intrinsics,
    )


def nearest_shown(shown):
    """Return how far the nearest pixel that shows a part is from each, and which one it is.

    Exact: the nearest of each column's pixels, then the nearest of those along each row. A. Meijster, J. Roerdink and
    W. Hesselink, A general algorithm for computing distance transforms in linear time, 2000, whose second scan goes
    from pixel to pixel; here all pairs of a row are compared at once.

    Args:
        shown: bool `(B, h, w)`, of a known size.

    Returns:
        float32 `(B, h, w)`, pixels, and int32 `(B, h, w)`, row * w + column; where an image shows nothing, a distance
        that is larger than any in the image, and any pixel.
    """
    # Not more at once, as each needs memory. Called eagerly they follow each other anyway, and a number is warned of.
    at_once = 2 if tf.inside_function() else None
    signature = (tf.float32, tf.int32)
    return tf.map_fn(_nearest_of_one, shown, fn_output_signature=signature, parallel_iterations=at_once)


def _nearest_of_one(shown):
    height, width = shown.shape
    nothing = float(height**2 + width**2)
    along_columns, row = _nearest_along_last(tf.where(tf.transpose(shown), 0.0, nothing))
    squared, column = _nearest_along_last(tf.transpose(along_columns))
    row = tf.gather(tf.transpose(row), column, axis=1, batch_dims=1)
    return tf.sqrt(squared), row * width + column


def _nearest_along_last(cost):
    """Return min over k of cost[i, k] + (j - k)² for each i and j, and the k."""
    place = tf.range(cost.shape[1], dtype=cost.dtype)
    every = cost[:, None] + (place[:, None] - place) ** 2
    return tf.reduce_min(every, -1), tf.argmin(every, -1, output_type=tf.int32)


def _median(depth):
    """Return the median of the depths that are not 0, `(B,)`; 0 where there are none."""
    ordered = tf.sort(tf.reshape(depth, (tf.shape(depth)[0], -1)), -1)
    count = tf.math.count_nonzero(ordered, -1, dtype=tf.int32)
    before = tf.shape(ordered)[1] - count
    middle = before[:, None] + tf.stack([tf.maximum(count - 1, 0) // 2, count // 2], -1)
    middle = tf.minimum(middle, tf.shape(ordered)[1] - 1)
    return tf.reduce_mean(tf.gather(ordered, middle, batch_dims=1), -1)
