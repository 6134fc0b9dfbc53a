"""A pose network of a few numbers, of no task of the application, for the export of poses."""

import keras
import numpy as np
import tensorflow as tf

CAMERA = {"width": 16, "height": 12, "fx": 30.0, "fy": 30.0, "cx": 8.0, "cy": 6.0, "depth_scale": 0.5}
POINTS = np.random.default_rng(0).normal(0, 0.02, (9, 3)).astype(np.float32)


class Measured(keras.layers.Layer):
    def call(self, depth):
        return tf.where(tf.math.is_finite(depth), depth, 0.0)


class Poses(keras.layers.Layer):
    """From `(batch, numbers)` to two instances with three alternatives each, one of them reflected."""

    def call(self, numbers):
        choice = tf.reshape(numbers[:, :6], (-1, 2, 3))
        best = tf.argmax(choice, -1)
        return {
            "quaternion": tf.math.l2_normalize(tf.reshape(numbers[:, 6:14], (-1, 2, 4)), -1),
            "translation": tf.reshape(numbers[:, 14:], (-1, 2, 3)),
            "reflected": best == 2,
            "choice": choice,
        }


def build_pose_net(height=12, width=16):
    keras.utils.set_random_seed(5)
    depth = keras.Input((height, width), name="depth")
    numbers = keras.layers.Dense(20, bias_initializer="random_normal")(
        keras.layers.Flatten()(Measured()(depth))
    )
    return keras.Model(depth, Poses()(numbers))


def scenes(count, seed=0):
    """Depth (count, 12, 16) of one box in each scene, NaN or infinity elsewhere in some."""
    rng = np.random.default_rng(seed)
    depth = np.zeros((count, 12, 16), np.float32)
    for scene, empty in zip(depth, (0.0, np.nan, np.inf) * count, strict=False):
        row, column = rng.integers(0, 6, 2)
        scene[:] = empty
        scene[row : row + 5, column : column + 7] = rng.uniform(0.5, 0.7, (5, 7))
    return depth
