"""Trainable sub-sampling, LeNet-5's."""

import keras
import tensorflow as tf
from keras import initializers, regularizers


@keras.saving.register_keras_serializable(package="tfapp")
class SubSampling2D(keras.layers.Layer):
    """Add the four pixels of each 2x2 square, multiply by a coefficient and add a bias, both trained per map.

    y = w (x_1 + x_2 + x_3 + x_4) + b: layers S2 and S4 of Y. LeCun, L. Bottou, Y. Bengio, P. Haffner,
    "Gradient-Based Learning Applied to Document Recognition", Proceedings of the IEEE 86(11), 1998.

    Args:
        kernel_initializer, bias_initializer: For the coefficients and the biases.
        kernel_regularizer, bias_regularizer: For the coefficients and the biases.

    Input shape:
        `(batch, height, width, channels)`.

    Output shape:
        `(batch, height // 2, width // 2, channels)`.
    """

    def __init__(
        self,
        kernel_initializer="ones",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)

    def build(self, input_shape):
        shape = (input_shape[-1],)
        self.kernel = self.add_weight(
            name="kernel",
            shape=shape,
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )
        self.bias = self.add_weight(
            name="bias", shape=shape, initializer=self.bias_initializer, regularizer=self.bias_regularizer
        )

    def call(self, inputs):
        return 4.0 * tf.nn.avg_pool2d(inputs, 2, 2, "VALID") * self.kernel + self.bias

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return (batch, height // 2, width // 2, channels)

    def get_config(self):
        own = {
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
        }
        return {**super().get_config(), **own}
