"""Choice of the poses that together explain a scene, of many that may be one of its instances."""

from typing import NamedTuple

import tensorflow as tf

from tfapp.pose.refinement import fitting

# Points are explained within this share of the cap, and points of two models lie on each other.
NEAR = 0.25
# Share of a model's points that may lie on another instance of it: where they touch.
TOUCHING = 0.25
# A further instance must explain so much of what the others do on average, of points that they leave open.
WORTH = 0.35


class Pool(NamedTuple):
    """Poses of which some are chosen for each of B scenes.

    Attributes:
        rotation: `(B, Q, 3, 3)`.
        translation: `(B, Q, 3)`, metres.
        distance: `(B, Q, n)`, of n points of the scene to the model, up to the cap, metres.
        violation: `(B, Q)`, of what of the model should not be seen, metres.
    """

    rotation: tf.Tensor
    translation: tf.Tensor
    distance: tf.Tensor
    violation: tf.Tensor


def pool_of(observed, model, rotation, translation):
    """Return the `Pool` of poses; arguments as of `fitting.residual`, the points being those of the whole scenes."""
    distance = tf.minimum(fitting.distances(observed, model, rotation, translation), model.cap)
    violation = fitting.residual(observed, model, rotation, translation).violation
    return Pool(rotation, translation, distance, violation)


def choose(pool, weights, model, count):
    """Return which poses of a pool explain their scene best together, one after the other, each the best beside those.

    Args:
        pool: `Pool`.
        weights: `(B, n)`, 1 for a point of the scene, 0 for none.
        model: `fitting.Model`.
        count: Number N of poses.

    Returns:
        int32 `(B, N)`, numbers in the pool, and float32 `(B, N)`, how many points each explains that those before it
        leave open.
    """
    total = tf.maximum(tf.reduce_sum(weights, -1), 1.0)
    left = tf.fill(tf.shape(pool.distance[:, :1]), model.cap)
    costs, chosen, opened = pool.violation / count, [], []
    for _ in range(count):
        beside = tf.reduce_sum(weights[:, None] * tf.minimum(left, pool.distance), -1) / total[:, None]
        best = tf.argmin(beside + costs, -1, output_type=tf.int32)
        distance = tf.gather(pool.distance, best, batch_dims=1)[:, None]
        near = NEAR * model.cap
        new = tf.cast((left > near) & (distance < near), weights.dtype)[:, 0]
        opened.append(tf.reduce_sum(weights * new, -1))
        chosen.append(best)
        left = tf.minimum(left, distance)
        costs += model.cap * tf.maximum(0.0, shared(pool, best, model) - TOUCHING)
    return tf.stack(chosen, -1), tf.stack(opened, -1)


def worthwhile(opened, least):
    """Return which of the poses that were chosen one after the other count as instances, bool `(B, N)`.

    Args:
        opened: float32 `(B, N)`, how many points each explains that those before it leave open.
        least: How many instances a scene has at least; a further one, and those after it, counts only if it explains
            enough.
    """
    counted = [tf.ones_like(opened[:, 0], tf.bool)] * max(least, 1)
    for number in range(len(counted), opened.shape[1]):
        before = tf.sort(opened[:, :number], -1)
        median = (before[:, (number - 1) // 2] + before[:, number // 2]) / 2
        counted.append(counted[-1] & (opened[:, number] >= WORTH * median))
    return tf.stack(counted, -1)


def shared(pool, chosen, model):
    """Return the share of the model's points that one pose of a pool has in common with each of it, `(B, Q)`.

    Parts that touch have little in common; two poses of one part, or poses of which one is inside the other, have much.

    Args:
        pool: `Pool`.
        chosen: int32 `(B,)`, the one pose of each scene.
        model: `fitting.Model`.
    """
    rotation, translation = (
        tf.gather(one, chosen, batch_dims=1)[:, None] for one in (pool.rotation, pool.translation)
    )
    own = tf.matmul(model.few, rotation[:, 0], transpose_b=True) + translation
    theirs = tf.matmul(model.few, pool.rotation, transpose_b=True) + pool.translation[:, :, None]
    shape = tf.shape(theirs)
    there = _within(own, model, pool.rotation, pool.translation)
    back = _within(tf.reshape(theirs, (shape[0], -1, 3)), model, rotation, translation)
    back = tf.reshape(back, shape[:3])
    return tf.maximum(tf.reduce_mean(there, -1), tf.reduce_mean(back, -1))


def _within(points, model, rotation, translation):
    observed = fitting.Observed(points, *[None] * 7)
    lengths = fitting.distances(observed, model, rotation, translation)
    return tf.cast(lengths < NEAR * model.cap, points.dtype)
