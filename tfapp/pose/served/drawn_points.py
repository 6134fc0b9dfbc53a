"""Points that are drawn of scenes and of instances: scattered over them, and the same ones whenever it is asked."""

import numpy as np
import tensorflow as tf


def first_of(wanted, count):
    """Return the places of the first `count` of those that are wanted in each row, and whether there are so many.

    Args:
        wanted: bool `(B, n)`.
        count: Number of places.

    Returns:
        int32 `(B, count)`, and bool `(B, count)`, False where a row has fewer: then the place means nothing.
    """
    so_far = tf.cumsum(tf.cast(wanted, tf.int32), axis=-1)
    asked = tf.broadcast_to(tf.range(1, count + 1), (tf.shape(so_far)[0], count))
    # The first place by which that many are wanted.
    place = tf.searchsorted(so_far, asked)
    return tf.minimum(place, tf.shape(so_far)[1] - 1), asked <= so_far[:, -1:]


def scene_points(points, count):
    """Return some of the measured points of each scene, scattered over it.

    Args:
        points: float32 `(B, pixels, 3)`, metres, z 0 where nothing was measured; the number of pixels must be known.
        count: Number of points.

    Returns:
        float32 `(B, count, 3)`, 0 where a scene has fewer, and bool `(B, count)`, False there.
    """
    order = np.random.default_rng(0).permutation(points.shape[1]).astype(np.int32)
    ordered = tf.gather(points, order, axis=1)
    place, there = first_of(ordered[..., 2] > 0, count)
    return tf.where(there[..., None], tf.gather(ordered, place, batch_dims=1), 0.0), there
