"""Rotations of space and rigid motions: matrices, what a network gives for them, Keras layers."""

import keras
import numpy as np
import tensorflow as tf

from tfapp.layers.arguments import at_least_float32, check_choice
from tfapp.layers.options import CheckedOptions

IDENTITY = (1.0, 0.0, 0.0, 0.0)
X_AXIS, Y_AXIS = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)


def rotation_from_quaternion(quaternion):
    """Return the rotation of the normalised quaternion q / |q|; q and -q are the same rotation.

    Args:
        quaternion: Float tensor `(..., 4)`, (w, x, y, z) of any length. A length that the type cannot square (1e-19
            in float32) counts as zero: the identity, with derivative zero.

    Returns:
        Tensor `(..., 3, 3)`.
    """
    quaternion, given = _checked("quaternion", quaternion, (4,))
    return tf.cast(_from_unit_quaternion(_unit(quaternion, IDENTITY)), given)


def rotation_from_axis_angle(axis_angle):
    """Return the rotation about the direction of v by the angle |v| in radians.

    Args:
        axis_angle: Float tensor v `(..., 3)` of any length; zero is the identity.

    Returns:
        Tensor `(..., 3, 3)`.
    """
    v, given = _checked("axis_angle", axis_angle, (3,))
    squared = tf.reduce_sum(tf.square(v), -1, keepdims=True)
    small = squared < 1e-3
    half = 0.5 * tf.sqrt(tf.where(small, tf.ones_like(squared), squared))
    # cos(t/2) and sin(t/2) / t as series in t^2 where these, or their derivatives, would be 0 / 0.
    t2 = tf.where(small, squared, tf.zeros_like(squared))
    cosine = tf.where(small, 1 - t2 / 8 + t2**2 / 384 - t2**3 / 46080, tf.cos(half))
    factor = tf.where(small, 1 / 2 - t2 / 48 + t2**2 / 3840 - t2**3 / 645120, 0.5 * tf.sin(half) / half)
    return tf.cast(_from_unit_quaternion(_unit(tf.concat([cosine, factor * v], -1), IDENTITY)), given)


def rotation_from_ortho6d(ortho6d):
    """Return the rotation whose first columns are two vectors after Gram and Schmidt.

    The way back, `ortho6d_from_rotation`, is continuous over all rotations, which is impossible with three or four
    numbers. Vectors of length zero count as the axes x and y, and a second vector within 0.02 degrees of the first
    (in float32) as the axis that is farthest from it; what was replaced has derivative zero.

    Args:
        ortho6d: Float tensor `(..., 6)`, the vectors a_1 and a_2 one after the other, of any length.

    Returns:
        Tensor `(..., 3, 3)` with the columns b_1 = a_1 / |a_1|, b_2 = N(a_2 - <b_1, a_2> b_1), b_1 x b_2.

    Reference:
        Y. Zhou, C. Barnes, J. Lu, J. Yang, H. Li, "On the Continuity of Rotation Representations in Neural
        Networks", 2019, arXiv:1812.07035, eq. (15).
    """
    ortho6d, given = _checked("ortho6d", ortho6d, (6,))
    first = _unit(ortho6d[..., :3], X_AXIS)
    second = _perpendicular(_unit(ortho6d[..., 3:], Y_AXIS), first)
    return tf.cast(tf.stack([first, second, tf.linalg.cross(first, second)], -1), given)


def quaternion_from_rotation(rotation):
    """Return the unit quaternion of a rotation with w >= 0.

    The matrix 4 q q^T is linear in R; its row with the largest diagonal entry is a multiple of q of length at least 2,
    so that nothing small is divided by.

    Args:
        rotation: Float tensor `(..., 3, 3)`, rotations.

    Returns:
        Tensor `(..., 4)`. For half a turn, where w = 0, one of the two quaternions.

    Reference:
        S. W. Shepperd, "Quaternion from Rotation Matrix", 1978, doi:10.2514/3.55767b.
    """
    rotation, given = _checked("rotation", rotation, (3, 3))
    return tf.cast(_quaternion(rotation), given)


def axis_angle_from_rotation(rotation):
    """Return the axis times the angle, in [0, pi] radians, of a rotation.

    Args:
        rotation: Float tensor `(..., 3, 3)`, rotations.

    Returns:
        Tensor `(..., 3)`. For half a turn one of the two.
    """
    rotation, given = _checked("rotation", rotation, (3, 3))
    quaternion = _quaternion(rotation)
    w, axis = quaternion[..., :1], quaternion[..., 1:]
    squared = tf.reduce_sum(tf.square(axis), -1, keepdims=True)
    small = squared < 1e-6
    sine = tf.sqrt(tf.where(small, tf.ones_like(w), squared))
    # arcsin(s) / s as a series, where s = sin(t/2) vanishes; there w is far from zero.
    factor = tf.where(small, 1 + squared / 6 + 3 * tf.square(squared) / 40, tf.atan2(sine, w) / sine)
    return tf.cast(2 * factor * axis, given)


def ortho6d_from_rotation(rotation):
    """Return the first two columns of a rotation, one after the other.

    Args:
        rotation: Float tensor `(..., 3, 3)`, rotations.

    Returns:
        Tensor `(..., 6)`.
    """
    rotation, given = _checked("rotation", rotation, (3, 3))
    return tf.cast(tf.concat([rotation[..., 0], rotation[..., 1]], -1), given)


def _checked(name, tensor, shape):
    """Return the tensor in at least float32, and the type that it came in."""
    tensor = tf.convert_to_tensor(tensor)
    if not tensor.dtype.is_floating or not tensor.shape[-len(shape) :].is_compatible_with(shape):
        expected = ", ".join(map(str, shape))
        raise ValueError(
            f"`{name}` must be a float tensor of shape (..., {expected}). "
            f"Received: {name}.shape={tuple(tensor.shape)}, {name}.dtype={tensor.dtype.name}"
        )
    return at_least_float32(tensor), tensor.dtype


def _unit(vectors, otherwise):
    """Return the vectors with length 1, and `otherwise` in place of those too short for their length to be known."""
    largest = tf.stop_gradient(tf.reduce_max(tf.abs(vectors), -1, keepdims=True))
    short = largest < np.sqrt(np.finfo(vectors.dtype.as_numpy_dtype).tiny)
    # First by the largest entry, so that squares neither overflow nor vanish; a constant factor changes no direction.
    scaled = tf.where(
        short,
        tf.constant(otherwise, vectors.dtype),
        vectors / tf.where(short, tf.ones_like(largest), largest),
    )
    return scaled / tf.sqrt(tf.reduce_sum(tf.square(scaled), -1, keepdims=True))


def _from_unit_quaternion(quaternion):
    w, x, y, z = tf.unstack(quaternion, 4, axis=-1)
    return _matrix(
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )


def _quaternion(rotation):
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = (
        tf.unstack(row, 3, axis=-1) for row in tf.unstack(rotation, 3, axis=-2)
    )
    outer = _matrix(
        (1 + xx + yy + zz, zy - yz, xz - zx, yx - xy),
        (zy - yz, 1 + xx - yy - zz, yx + xy, xz + zx),
        (xz - zx, yx + xy, 1 - xx + yy - zz, zy + yz),
        (yx - xy, xz + zx, zy + yz, 1 - xx - yy + zz),
    )
    largest = tf.one_hot(tf.argmax(tf.linalg.diag_part(outer), -1), 4, dtype=rotation.dtype)
    row = _unit(tf.reduce_sum(largest[..., None] * outer, -2), IDENTITY)
    return tf.where(row[..., :1] < 0, -row, row)


def _perpendicular(vectors, unit):
    """Return the unit vectors perpendicular to `unit` that are nearest to the given unit vectors."""
    rest = vectors - tf.reduce_sum(vectors * unit, -1, keepdims=True) * unit
    eps = np.finfo(vectors.dtype.as_numpy_dtype).eps
    parallel = tf.reduce_sum(tf.square(rest), -1, keepdims=True) < eps
    farthest = tf.one_hot(tf.argmin(tf.abs(unit), -1), 3, dtype=unit.dtype)
    chosen = tf.where(parallel, farthest, vectors)
    # Twice, because a small rest enlarges the rounding along `unit` that is left in it.
    for _ in range(2):
        chosen = _unit(chosen - tf.reduce_sum(chosen * unit, -1, keepdims=True) * unit, X_AXIS)
    return chosen


def _matrix(*rows):
    return tf.stack([tf.stack(row, -1) for row in rows], -2)


_REPRESENTATIONS = {
    "quaternion": (4, rotation_from_quaternion),
    "axis-angle": (3, rotation_from_axis_angle),
    "ortho6d": (6, rotation_from_ortho6d),
}


@keras.saving.register_keras_serializable(package="tfapp")
class Rotation(CheckedOptions, keras.layers.Layer):
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
        >>> import math
        >>> Rotation("axis-angle")(tf.constant([[0.0, 0.0, math.pi / 2]]))[0].numpy().round(3).tolist()
        [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """

    OPTIONS = BUILT_IN = ("representation",)

    def __init__(self, representation="quaternion", **kwargs):
        super().__init__(**kwargs)
        self.representation = representation

    def checked(self, name, value):
        check_choice(name, value, tuple(_REPRESENTATIONS))
        return value

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
        >>> import math
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
