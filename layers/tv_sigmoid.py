"""The TV-regularised sigmoid as a Keras layer."""

import keras
import tensorflow as tf

from tfapp.layers.tv_layer import TVLayer, with_logits


@keras.saving.register_keras_serializable(package="tfapp")
class TVSigmoid(TVLayer):
    """Sigmoid whose output minimises a total-variation problem: for one class, or several that may overlap.

    Every channel of the output A solves, independently of the others,

        min  -<o, A> + <A, log A> + <1 - A, log(1 - A)> + lambda * TV(A)    over [0, 1] at every pixel.

    With one channel it equals `TVSoftmax` on the logits (o, 0) with lambda / 2.

    Args:
        tv_weight, learn_tv_weight, iterations, gradient, ...: Those of `TVLayer`.

    Call arguments:
        logits: Float tensor `(batch, *spatial, channels)`, at least 1 channel, 1 to 3 spatial axes of any size.
        guide, tv_weight, training: As for `TVSoftmax`.

    Output shape:
        `(batch, *spatial, channels)` probabilities, in float32 under mixed precision.

    Reference:
        The two-class case of F. Jia, J. Liu, X.-C. Tai, "A Regularized Convolutional Neural Network for
        Semantic Image Segmentation", 2019, arXiv:1907.05287, eq. (3.5).
    """

    link = "sigmoid"

    def _output(self, regularised):
        return with_logits(tf.math.sigmoid(regularised), regularised)
