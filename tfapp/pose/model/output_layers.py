"""Layers that turn what the pose network computes into poses."""

import keras
import tensorflow as tf


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
