"""What is said of a pose at the end: its residual, how much of the part was shown, the margin, the confidence."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfapp.pose.refinement import fitting
from tfapp.pose.refinement.fusion import VOXEL
from tfapp.pose.refinement.scene_set import LEAST_POINTS
from tfapp.pose.served.facing import looked_from, rotated
from tfapp.pose.served.rounds import MANY, divided, search

# Poses that differ by less, but for the part's symmetries, are the same minimum.
_SAME = np.cos(np.radians(30))
# A point of the model is shown where a measured one is within so many voxels and a pixel, and less and less farther.
_SHOWN = 2 * VOXEL


class Verdict(NamedTuple):
    """Poses of B scenes of N instances, and what speaks for them.

    Attributes:
        rotation: `(B, N, 3, 3)`; the identity where no instance was found.
        translation: `(B, N, 3)`, metres; 0 where none was found.
        residual: `(B, N)`, metres, as of `fitting.residual`: at most twice the cap, which it is where none was found.
        shown: `(B, N)`, share of the side that faces the camera which was measured, from 0 to 1.
        margin: `(B, N)`, metres by which the residual of the next best pose of another kind is larger, at most the cap.
        found: bool `(B, N)`.
    """

    rotation: tf.Tensor
    translation: tf.Tensor
    residual: tf.Tensor
    shown: tf.Tensor
    margin: tf.Tensor
    found: tf.Tensor


def judged(scenes, part, placed):
    """Return the `Verdict` on `Placed` instances, which are registered to their points once more.

    Args:
        scenes: `Scenes`.
        part: `Part`.
        placed: `Placed`.
    """
    seen = scenes.of_instances(divided(scenes, part, placed), MANY)
    shape, model = tf.shape(placed.present), part.model
    poses = (tf.reshape(one, (-1, 1, *one.shape[2:])) for one in placed[:2])
    rotation, translation = search(seen, model, *part.turned(*poses, part.halves))
    total = fitting.residual(seen, model, rotation, translation).total
    best = tf.argmin(total, -1, output_type=tf.int32)
    first, place, residual = (tf.gather(one, best, batch_dims=1) for one in (rotation, translation, total))
    others = tf.where(_alike(part, first, rotation), residual[:, None] + model.cap, total)
    margin = tf.minimum(tf.reduce_min(others, -1) - residual, model.cap)
    shown = _shown(part, seen, first, place, scenes.pictures.intrinsics)
    enough = tf.reduce_sum(seen.weights, -1) >= LEAST_POINTS
    finite = tf.math.is_finite(residual + margin + tf.reduce_sum(first, (1, 2)) + tf.reduce_sum(place, 1))
    found = tf.reshape(enough & finite, shape) & placed.present

    def of(values, otherwise):
        values = tf.reshape(values, tf.concat([shape, values.shape[1:]], 0))
        there = tf.reshape(found, tf.concat([shape, [1] * (len(values.shape) - 2)], 0))
        return tf.where(there, values, otherwise)

    return Verdict(
        of(first, tf.eye(3)),
        of(place, 0.0),
        of(residual, 2 * model.cap),
        of(shown, 0.0),
        of(margin, 0.0),
        found,
    )


def _alike(part, first, rotations):
    """Return which rotations `(B, k, 3, 3)` are that of `first` `(B, 3, 3)`, but for symmetries, bool `(B, k)`."""
    # Not matmul: TensorFlow 2.21 with oneDNN writes beyond its result where (B, 1, ...) meets one matrix for all.
    alike = tf.einsum("bxz,szy->bsxy", first, part.same)
    cosine = (tf.einsum("bsxy,bkxy->bsk", alike, rotations) - 1) / 2
    return tf.reduce_max(cosine, 1) > _SAME


def _shown(part, seen, rotation, translation, intrinsics):
    model, facing = part.model, part.facing
    cloud = tf.matmul(model.few, rotation, transpose_b=True) + translation[:, None]
    view = rotated(rotation, facing.middle) + translation
    weights = tf.gather(facing.shown, looked_from(facing, rotation, view))
    away = tf.norm(cloud[:, :, None] - seen.points[:, None], axis=-1)
    away = tf.reduce_min(tf.where(seen.weights[:, None] > 0, away, 2 * model.cap), -1)
    limit = _SHOWN * part.extent + (view[:, 2] / tf.sqrt(intrinsics[0] * intrinsics[1]))[:, None]
    near = tf.clip_by_value(2 - away / limit, 0.0, 1.0)
    return tf.reduce_sum(weights * near, -1) / tf.maximum(tf.reduce_sum(weights, -1), 1.0)
