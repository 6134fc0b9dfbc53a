"""The loss of a scene when one of its parts is turned and the others are where they are."""

import numpy as np
import tensorflow as tf

from tfapp.layers import HiddenPointRemoval, rigid_transform
from tfapp.pose.model.visible_distance import visible_chamfer_distance

# Pairs of points that a batch of poses compares at a time; the soft visibility holds them all in memory.
PAIRS = 2**23


class PosedLoss:
    """The Chamfer distance of eq. 4.1 as in training, as a function of the rotation of one instance.

    Args:
        points: (m, 3), the object in the part's frame, metres.
        observed: (k, 3), what the scene shows, metres, in the frame of the camera.
        poses: Rotations (N, 3, 3) and translations (N, 3) in metres of all instances into the frame of the camera.
        instance: Index of the one that is turned.
        visibility: One of `VISIBILITIES`.
        exponent: Of the removal of hidden points.

    Attributes:
        batch: Rotations that it is best called with.
    """

    def __init__(self, points, observed, poses, instance, *, visibility, exponent):
        rotation, translation = (np.asarray(part, float) for part in poses)
        others = np.arange(len(rotation)) != instance
        posed = points @ np.swapaxes(rotation[others], 1, 2) + translation[others, None]
        self._turned, self._fixed, self._observed, self._translation = (
            tf.constant(array, tf.float32)
            for array in (points, posed.reshape(1, -1, 3), [observed], [[translation[instance]]])
        )
        self._rotation = rotation[instance]
        self._visibility, self._removal = visibility, HiddenPointRemoval(exponent)
        self.batch = max(1, PAIRS // (len(points) * len(rotation) * len(observed)))
        # The hulls are computed outside of the graph, where XLA does not reach.
        self._of_batch = tf.function(
            self._distances,
            input_signature=[tf.TensorSpec((None, 3, 3), tf.float32)],
            autograph=False,
            jit_compile=False,
        )

    def __call__(self, turns):
        """Return float64 (b,) in metres for turns (b, 3, 3) of the instance in its own frame."""
        rotations = self._rotation @ np.asarray(turns, float)
        return self._of_batch(tf.constant(rotations, tf.float32)).numpy().astype(float)

    def _distances(self, rotations):
        count = tf.shape(rotations)[0]
        turned = rigid_transform(
            self._turned, rotations[:, None], tf.repeat(self._translation, count, axis=0)
        )
        clouds = tf.concat([turned[:, 0], tf.repeat(self._fixed, count, axis=0)], 1)
        observed = tf.repeat(self._observed, count, axis=0)
        return visible_chamfer_distance(clouds, observed, self._visibility, self._removal)[0]
