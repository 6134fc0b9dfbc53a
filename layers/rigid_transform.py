"""Points of an object where its poses put them."""

import keras
import tensorflow as tf


def rigid_transform(points, rotation, translation, sign=None):
    """Return p = s R x + t for every point x and every pose (R, t, s).

    With s = -1 the object is reflected: -R has determinant -1, which no rotation has.

    Args:
        points: Float tensor `(m, 3)`, the same points in all scenes, or `(batch, m, 3)`.
        rotation: Float tensor `(batch, n, 3, 3)`, rotations; between `batch` and the matrix there may be any number
            of axes, the same in `translation` and `sign`.
        translation: Float tensor `(batch, n, 3)`, in the unit of the points.
        sign: Tensor `(batch, n)` of +1 or -1, +1 if None.

    Returns:
        Tensor `(batch, n, m, 3)`.
    """
    points, rotation, translation = map(tf.convert_to_tensor, (points, rotation, translation))
    if sign is not None:
        rotation = tf.cast(sign, rotation.dtype)[..., None, None] * rotation
    if points.shape.rank == 3:
        for _ in range(rotation.shape.rank - 3):
            points = points[:, None]
    return tf.matmul(points, rotation, transpose_b=True) + translation[..., None, :]


@keras.saving.register_keras_serializable(package="tfapp")
class RigidTransform(keras.layers.Layer):
    """Put the points of an object at its poses, p = s R x + t.

    Call arguments:
        inputs: List `[points, rotation, translation]` of tensors: points `(m, 3)`, the same in all scenes, or
            `(batch, m, 3)`; rotations `(batch, n, 3, 3)` as `Rotation` gives them; translations `(batch, n, 3)` in
            the unit of the points. Between `batch` and the matrix there may be any number of axes.
        sign: Tensor `(batch, n)` of +1, or of -1 where the object is reflected (-R x + t), or None for +1.

    Output shape:
        `(batch, n, m, 3)`.

    Example:
        >>> corner = tf.constant([[1.0, 2.0, 3.0]])
        >>> turn = Rotation("axis-angle")(tf.constant([[[0.0, 0.0, math.pi]]]))
        >>> RigidTransform()([corner, turn, tf.constant([[[0.0, 0.0, 1.0]]])])[0, 0].numpy().round(3).tolist()
        [[-1.0, -2.0, 4.0]]
    """

    def build(self, inputs_shape, sign_shape=None):
        points, rotation, translation = (tuple(shape) for shape in inputs_shape)
        if len(points) not in (2, 3) or points[-1] != 3:
            raise ValueError(
                f"`points` must have shape (points, 3) or (batch, points, 3). Received: points.shape={points}"
            )
        if len(rotation) < 3 or rotation[-2:] != (3, 3) or len(translation) != len(rotation) - 1:
            raise ValueError(
                "`rotation` and `translation` must have shapes (batch, poses, 3, 3) and (batch, poses, 3). "
                f"Received: rotation.shape={rotation}, translation.shape={translation}"
            )
        if sign_shape is not None and len(sign_shape) != len(rotation) - 2:
            raise ValueError(
                f"`sign` must have shape (batch, poses). Received: sign.shape={tuple(sign_shape)}"
            )
        self.built = True

    def call(self, inputs, sign=None):
        return rigid_transform(*inputs, sign)

    def compute_output_shape(self, inputs_shape, sign_shape=None):
        del sign_shape
        points, rotation, _ = inputs_shape
        return (*rotation[:-2], points[-2], 3)
