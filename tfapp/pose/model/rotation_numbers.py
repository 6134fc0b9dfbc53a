"""Numbers that the network gives for a rotation, and the quaternion that they stand for."""

import keras
import numpy as np
import tensorflow as tf

from tfapp.layers import (
    axis_angle_from_rotation,
    ortho6d_from_rotation,
    quaternion_from_rotation,
    rotation_from_axis_angle,
    rotation_from_ortho6d,
    rotation_from_quaternion,
)

# By name: how many numbers, the rotation of them, and they of a rotation.
_REPRESENTATIONS = {
    "quaternion": (4, rotation_from_quaternion, quaternion_from_rotation),
    "ortho6d": (6, rotation_from_ortho6d, ortho6d_from_rotation),
    "axis-angle": (3, rotation_from_axis_angle, axis_angle_from_rotation),
}


def rotation_length(representation):
    """Return how many numbers a rotation has in a representation: 4, 6 or 3."""
    return _REPRESENTATIONS[representation][0]


def numbers_of(representation, quaternions):
    """Return the numbers of rotations in a representation.

    Args:
        representation: One of `tfapp.pose.model.settings.ROTATIONS`.
        quaternions: Nested lists `(..., 4)`, (w, x, y, z) of any length.

    Returns:
        Nested lists `(..., 4)`, `(..., 6)` or `(..., 3)`.
    """
    rotation = rotation_from_quaternion(tf.constant(np.asarray(quaternions), tf.float64))
    return _REPRESENTATIONS[representation][2](rotation).numpy().tolist()


@keras.saving.register_keras_serializable("tfapp")
class RotationNumbers(keras.layers.Layer):
    """Turns the numbers of rotations in a representation into unit quaternions (w, x, y, z) with w >= 0.

    Args:
        representation: One of `tfapp.pose.model.settings.ROTATIONS`.
        base: Nested lists of the input's shape without the batch, added first, so that 0 stands for an orientation;
            None for nothing.

    Reference:
        Y. Wu, dissertation, table B.4; Y. Zhou and others, *On the Continuity of Rotation Representations in Neural
        Networks*, 2019.
    """

    def __init__(self, representation, base=None, **kwargs):
        super().__init__(**kwargs)
        self.representation, self.base = representation, base

    def call(self, inputs):
        numbers = inputs if self.base is None else inputs + tf.constant(self.base, inputs.dtype)
        return quaternion_from_rotation(_REPRESENTATIONS[self.representation][1](numbers))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 4)

    def get_config(self):
        return super().get_config() | {"representation": self.representation, "base": self.base}
