"""Local response normalisation, AlexNet's."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="tfapp")
class LocalResponseNormalization(keras.layers.Layer):
    """Divide each activity by a power of those around it in the channels next to it.

    b_i = a_i / (k + alpha * sum_j a_j^2)^beta, with j over the `size` channels around i: section 3.3 of
    A. Krizhevsky, I. Sutskever, G. E. Hinton, "ImageNet Classification with Deep Convolutional Neural Networks",
    NIPS 2012, whose constants are the defaults.

    Args:
        size: Odd number of channels in the sum.
        k: Constant in the denominator, positive.
        alpha: Weight of the sum, not divided by `size`.
        beta: The power.

    Input and output shape:
        `(batch, height, width, channels)`.
    """

    def __init__(self, size=5, k=2.0, alpha=1e-4, beta=0.75, **kwargs):
        super().__init__(**kwargs)
        self.size = size
        self.k = k
        self.alpha = alpha
        self.beta = beta

    def call(self, inputs):
        return tf.nn.local_response_normalization(inputs, self.size // 2, self.k, self.alpha, self.beta)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        own = {"size": self.size, "k": self.k, "alpha": self.alpha, "beta": self.beta}
        return {**super().get_config(), **own}
