"""The TV-regularised ReLU as a Keras layer."""

import keras
import tensorflow as tf

from tfapp.layers.tv_layer import TVLayer


@keras.saving.register_keras_serializable(package="tfapp")
class TVReLU(TVLayer):
    """ReLU whose output minimises a total-variation problem: a smooth activation map, for use inside a network.

    Every channel of the output A solves the non-negative denoising problem of Rudin, Osher and Fatemi

        min  1/2 |A - o|^2 + lambda * TV(A)    over A >= 0.

    Anisotropically it equals the ReLU of the denoised input; isotropically it does not, and this layer
    solves the constrained problem.

    Args:
        tv_weight, learn_tv_weight, iterations, gradient, ...: Those of `TVLayer`.

    Call arguments:
        logits: Float tensor `(batch, *spatial, channels)`, the input of the activation.
        guide, tv_weight, training: As for `TVSoftmax`.

    Output shape:
        `(batch, *spatial, channels)` >= 0. Computed in float32, returned in the layer's compute type.

    Reference:
        F. Jia, J. Liu, X.-C. Tai, "A Regularized Convolutional Neural Network for Semantic Image
        Segmentation", 2019, arXiv:1907.05287, eqs. (3.10)-(3.12).
    """

    link = "relu"

    def _output(self, regularised):
        return tf.cast(tf.nn.relu(regularised), self.compute_dtype)

    def _output_dtype(self, dtype):
        del dtype
        return self.compute_dtype
