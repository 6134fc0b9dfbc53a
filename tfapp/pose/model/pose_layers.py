"""Layers that make poses of the numbers that the network gives, and the centroids that places may begin at."""

import keras
import tensorflow as tf

from tfapp.pose.model.visible_distance import squared_distances

# Of Lloyd's algorithm.
ROUNDS = 10


@keras.saving.register_keras_serializable("tfapp")
class Centroids(keras.layers.Layer):
    """K-means of the points of a `PointMap`, from the farthest points, in the order of their x.

    Input: `(batch, height, width, 4)`. Output: `(batch, count, 3)`, without a gradient. The first centre is the point
    farthest from the mean of all, each further one that farthest from the centres so far, then ten rounds of Lloyd's
    algorithm: the same points give the same centres. A picture without points has its centres at the origin.

    Args:
        count: Number of centres.
    """

    def __init__(self, count, **kwargs):
        super().__init__(**kwargs)
        self.count = count

    def call(self, point_map):
        shape = tf.shape(point_map)
        flat = tf.stop_gradient(tf.reshape(point_map, (shape[0], shape[1] * shape[2], 4)))
        points, weights = flat[..., :3], flat[..., 3]
        centres = self._farthest(points, weights)
        for _ in range(ROUNDS):
            centres = self._moved(points, weights, centres)
        return tf.gather(centres, tf.argsort(centres[..., 0], axis=-1), axis=1, batch_dims=1)

    def _farthest(self, points, weights):
        total = tf.maximum(tf.reduce_sum(weights, 1), 1.0)
        mean = tf.reduce_sum(points * weights[..., None], 1) / total[:, None]
        nearest = squared_distances(points, mean[:, None])[..., 0]
        centres = []
        for _ in range(self.count):
            # Pixels without a point lose against any that have one.
            index = tf.argmax(tf.where(weights > 0, nearest, -1.0), axis=1)
            centres.append(tf.gather(points, index, axis=1, batch_dims=1))
            distances = squared_distances(points, centres[-1][:, None])[..., 0]
            nearest = distances if len(centres) == 1 else tf.minimum(nearest, distances)
        return tf.stack(centres, 1)

    def _moved(self, points, weights, centres):
        member = tf.one_hot(
            tf.argmin(squared_distances(points, centres), axis=-1), self.count, dtype=points.dtype
        )
        member *= weights[..., None]
        counts = tf.reduce_sum(member, 1)[..., None]
        means = tf.matmul(member, points, transpose_a=True) / tf.maximum(counts, 1.0)
        return tf.where(counts > 0, means, centres)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.count, 3)

    def get_config(self):
        return super().get_config() | {"count": self.count}


@keras.saving.register_keras_serializable("tfapp")
class UnitQuaternion(keras.layers.Layer):
    """Adds a fixed quaternion, so that 0 stands for an orientation, and makes the length 1."""

    def __init__(self, base, **kwargs):
        super().__init__(**kwargs)
        self.base = base

    def call(self, inputs):
        return tf.math.l2_normalize(inputs + tf.constant(self.base, inputs.dtype), -1, epsilon=1e-12)

    def get_config(self):
        return super().get_config() | {"base": self.base}


@keras.saving.register_keras_serializable("tfapp")
class Offset(keras.layers.Layer):
    """Adds fixed places, one for each instance."""

    def __init__(self, places, **kwargs):
        super().__init__(**kwargs)
        self.places = places

    def call(self, inputs):
        return inputs + tf.constant(self.places, inputs.dtype)

    def get_config(self):
        return super().get_config() | {"places": self.places}


@keras.saving.register_keras_serializable("tfapp")
class AroundCentroids(keras.layers.Layer):
    """Places within a reach of the centroids: `[centroids (batch, N, 3), numbers (batch, K, N, 3)]`."""

    def __init__(self, reach, **kwargs):
        super().__init__(**kwargs)
        self.reach = reach

    def call(self, inputs):
        centroids, numbers = inputs
        return centroids[:, None] + self.reach * tf.tanh(numbers)

    def compute_output_shape(self, input_shape):
        return input_shape[1]

    def get_config(self):
        return super().get_config() | {"reach": self.reach}


@keras.saving.register_keras_serializable("tfapp")
class StopGradient(keras.layers.Layer):
    """Passes its input on, and no gradient back."""

    def call(self, inputs):
        return tf.stop_gradient(inputs)
