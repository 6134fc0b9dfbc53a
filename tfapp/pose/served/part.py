"""All that a graph knows of a part: its refined model, how it is looked up, and the rotations that are tried."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfapp.pose.refinement import candidates as sources
from tfapp.pose.refinement import fitting
from tfapp.pose.served.facing import Facing, facing_of, laid_onto, rotated

# Rotations about the present pose, beside half turns, and sets of 60 over the sphere.
_NEAR, _SPHERES = 12, 2


class Part(NamedTuple):
    """A part, as arrays or tensors.

    Attributes:
        model: `fitting.Model`.
        facing: `Facing`, of its `few` points.
        extent: Largest extent in metres.
        halves: `(4, 3, 3)`, the identity and half turns about the principal axes.
        near: `(k, 3, 3)`, those and rotations by any angle.
        sphere: `(C, 3, 3)`, rotations over the whole sphere.
        same: `(s, 3, 3)`, rotations that are symmetries of the part, the identity among them.
    """

    model: fitting.Model
    facing: Facing
    extent: tf.Tensor
    halves: tf.Tensor
    near: tf.Tensor
    sphere: tf.Tensor
    same: tf.Tensor

    def turned(self, rotation, translation, turns):
        """Return poses turned by rotations of the model about its middle, those of all poses in one row.

        Args:
            rotation: `(B, Q, 3, 3)`.
            translation: `(B, Q, 3)`, metres.
            turns: `(k, 3, 3)`.

        Returns:
            `(B, Q * k, 3, 3)` and `(B, Q * k, 3)`.
        """
        # Not matmul, which in TensorFlow 2.21 writes beyond its result for some shapes that are broadcast.
        new = tf.einsum("bqxz,kzy->bqkxy", rotation, turns)
        kept = rotated(rotation, self.facing.middle) + translation
        moved = kept[:, :, None] - rotated(new, self.facing.middle)
        row = (-1, rotation.shape[1] * turns.shape[0])
        return tf.reshape(new, (*row, 3, 3)), tf.reshape(moved, (*row, 3))

    def everywhere(self, middle):
        """Return poses of all rotations of the sphere, `(B, C, ...)`, laid onto the middle `(B, 3)` of what is seen."""
        shape = tf.concat([tf.shape(middle)[:1], self.sphere.shape], 0)
        return tf.broadcast_to(self.sphere, shape), laid_onto(self.facing, self.sphere, middle)


def part_of(refined, distance):
    """Return the `Part` of a `RefinedModel`, as arrays.

    Args:
        refined: `RefinedModel`.
        distance: Metres from the parts to the camera.
    """
    points = refined.points
    model = fitting.Model(*(np.asarray(one) for one in refined.to_fit()))
    few = np.array([np.abs(model.points - one).sum(1).argmin() for one in model.few])
    halves = sources.half_turns(points)
    turns = {
        "halves": halves,
        "near": np.concatenate([halves, sources.random_turns(_NEAR, 0)]),
        "sphere": np.concatenate([sources.sphere(number or None) for number in range(_SPHERES)]),
        "same": refined.symmetries.rotations,
    }
    turns = {name: one.astype(np.float32) for name, one in turns.items()}
    return Part(model, facing_of(points, few, distance), np.float32(refined.extent), **turns)
