"""Rotations from the numbers that a network gives, as a Keras layer."""

import keras

from tfapp.layers.rotations import rotation_from_axis_angle, rotation_from_ortho6d, rotation_from_quaternion
from tfapp.layers.tv_arguments import check_choice

_REPRESENTATIONS = {
    "quaternion": (4, rotation_from_quaternion),
    "axis-angle": (3, rotation_from_axis_angle),
    "ortho6d": (6, rotation_from_ortho6d),
}


@keras.saving.register_keras_serializable(package="tfapp")
class Rotation(keras.layers.Layer):
    """Turn quaternions, axis-angles or pairs of columns into rotation matrices.

    Nothing has to be normalised before: every input has a rotation, also zero, with a finite derivative.

    Args:
        representation: `"quaternion"` (w, x, y, z) of any length, `"axis-angle"` with the angle in radians as its
            length, or `"ortho6d"`, two vectors that become the first two columns.

    Input shape:
        `(..., 4)`, `(..., 3)` or `(..., 6)`.

    Output shape:
        `(..., 3, 3)`, matrices with determinant +1.

    Example:
        >>> Rotation("axis-angle")(tf.constant([[0.0, 0.0, math.pi / 2]]))[0].numpy().round(3).tolist()
        [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """

    def __init__(self, representation="quaternion", **kwargs):
        super().__init__(**kwargs)
        check_choice("representation", representation, tuple(_REPRESENTATIONS))
        self.representation = representation

    def build(self, input_shape):
        length, _ = _REPRESENTATIONS[self.representation]
        if input_shape[-1] != length:
            raise ValueError(
                f"`representation` {self.representation!r} needs inputs of shape (..., {length}). "
                f"Received: input_shape={tuple(input_shape)}"
            )
        self.built = True

    def call(self, inputs):
        return _REPRESENTATIONS[self.representation][1](inputs)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 3, 3)

    def get_config(self):
        return {**super().get_config(), "representation": self.representation}
