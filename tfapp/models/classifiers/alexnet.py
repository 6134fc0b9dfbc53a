"""AlexNet (Krizhevsky, Sutskever, Hinton, 2012)."""

import keras
import tensorflow as tf
from keras import initializers, layers


def alexnet(images, num_classes, *, groups=2, dropout=0.5):
    """Apply AlexNet, with 60,965,224 parameters on 227x227x3 and 1,000 classes (Krizhevsky et al. say 60 million).

    They speak of 224x224 pixels, but their 55x55 positions of the first convolution need 227x227.

    Args:
        images: Images `(batch, height, width, channels)` of at least 67x67 pixels.
        num_classes: Number of classes.
        groups: Groups of the second, fourth and fifth convolution: 2 as published, for two GPUs. 1 connects
            all channels, with 62,378,344 parameters.
        dropout: Rate of dropout before the first two dense layers, in [0, 1).

    Returns:
        Logits `(batch, num_classes)`.

    Reference:
        A. Krizhevsky, I. Sutskever, G. E. Hinton, "ImageNet Classification with Deep Convolutional Neural
        Networks", NIPS 2012.
    """
    x = _convolution(images, 96, 11, "conv1", strides=4, padding="valid")
    x = layers.MaxPooling2D(3, 2, name="pool1")(LocalResponseNormalization(name="norm1")(x))
    x = _convolution(x, 256, 5, "conv2", groups=groups, bias=1.0)
    x = layers.MaxPooling2D(3, 2, name="pool2")(LocalResponseNormalization(name="norm2")(x))
    x = _convolution(x, 384, 3, "conv3")
    x = _convolution(x, 384, 3, "conv4", groups=groups, bias=1.0)
    x = _convolution(x, 256, 3, "conv5", groups=groups, bias=1.0)
    x = layers.Flatten(name="flatten")(layers.MaxPooling2D(3, 2, name="pool5")(x))
    for name in ("fc6", "fc7"):
        x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
        x = layers.Dense(4096, activation="relu", **_initial(1.0), name=name)(x)
    return layers.Dense(num_classes, **_initial(0.0), name="scores")(x)


def _convolution(x, width, size, name, *, bias=0.0, padding="same", **options):
    return layers.Conv2D(
        width, size, activation="relu", padding=padding, **_initial(bias), name=name, **options
    )(x)


def _initial(bias):
    return {
        "kernel_initializer": initializers.RandomNormal(stddev=0.01),
        "bias_initializer": initializers.Constant(bias),
    }


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
