"""Which points of a model face a camera, by the direction that it looks from: found once, looked up in the graph."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfapp.layers import HiddenPointRemoval
from tfapp.pose.model.settings import usual_exponent

# Directions, some 14 degrees apart.
DIRECTIONS = 256
# Clouds that are looked at at a time.
_BATCH = 32


class Facing(NamedTuple):
    """What a camera sees of a model that nothing hides.

    Attributes:
        directions: float32 `(D, 3)`, unit vectors from the middle of the model to the camera, in the model's frame.
        shown: float32 `(D, q)`, 1 for those of some points of the model that face a camera there, 0 for others.
        centroid: float32 `(D, 3)`, mean of all points of the model that do, metres.
        middle: float32 `(3,)`, the middle of the model, metres.
    """

    directions: tf.Tensor
    shown: tf.Tensor
    centroid: tf.Tensor
    middle: tf.Tensor


def facing_of(points, few, distance):
    """Return the `Facing` of a model, as arrays.

    Args:
        points: `(m, 3)`, metres.
        few: int `(q,)`, numbers of some of them.
        distance: Metres from the model to the camera.
    """
    middle, directions = points.mean(0), spread_directions(DIRECTIONS)
    removal, seen = HiddenPointRemoval(usual_exponent(len(points))), []
    for first in range(0, DIRECTIONS, _BATCH):
        # In frames that are not turned, with the camera at their origin.
        away = points - middle - distance * directions[first : first + _BATCH, None]
        seen.append(removal(tf.constant(away, tf.float32)).numpy().astype(np.float32))
    seen = np.concatenate(seen)
    centroid = seen @ points / np.maximum(seen.sum(-1, keepdims=True), 1)
    return Facing(*(one.astype(np.float32) for one in (directions, seen[:, few], centroid, middle)))


def spread_directions(count):
    """Return unit vectors that are spread evenly over the sphere, `(count, 3)`: a spiral of golden angles."""
    height = 1 - (2 * np.arange(count) + 1) / count
    angle = np.pi * (3 - np.sqrt(5)) * np.arange(count)
    across = np.sqrt(1 - height**2)
    return np.stack([across * np.cos(angle), across * np.sin(angle), height], 1)


def looked_from(facing, rotation, view):
    """Return the number of the direction that a camera looks from at each pose, int32 `(...)`.

    Args:
        facing: `Facing`.
        rotation: `(..., 3, 3)`.
        view: `(..., 3)`, from the camera to the model, of any length; one dimension at least before the last.
    """
    back = -tf.reduce_sum(rotation * view[..., None], -2)
    return tf.argmax(tf.matmul(back, facing.directions, transpose_b=True), -1, output_type=tf.int32)


def laid_onto(facing, rotations, middle):
    """Return translations that lay the side of a model which faces the camera onto the middle of what is seen.

    Args:
        facing: `Facing`.
        rotations: `(C, 3, 3)`.
        middle: `(B, 3)`, metres, in the frame of the camera.

    Returns:
        `(B, C, 3)`.
    """
    centroid = tf.gather(facing.centroid, looked_from(facing, rotations, middle[:, None]))
    return middle[:, None] - rotated(rotations, centroid)


def rotated(rotation, vectors):
    """Return rotations `(..., 3, 3)` of vectors `(..., 3)`; either may be one for many."""
    # Not matvec: TensorFlow 2.21 writes beyond its result where a single vector is broadcast (seen on the CPU).
    return tf.reduce_sum(rotation * vectors[..., None, :], -1)
