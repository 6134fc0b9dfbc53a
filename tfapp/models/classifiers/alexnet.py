"""AlexNet (Krizhevsky, Sutskever, Hinton, 2012), as published and with batch normalisation."""

import keras
import tensorflow as tf
from keras import initializers, layers

# Sides in pixels from which the last pooling still has a window.
LEAST_SIDE = 67


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

    def activated(x, number):
        x = layers.Activation("relu", name=f"relu{number}")(x)
        return LocalResponseNormalization(name=f"norm{number}")(x) if number <= 2 else x

    x = _convolutions(images, groups, activated, biases=(0.0, 1.0, 0.0, 1.0, 1.0))
    for name in ("fc6", "fc7"):
        x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
        x = layers.Dense(4096, activation="relu", **_initial(1.0), name=name)(x)
    return layers.Dense(num_classes, **_initial(0.0), name="scores")(x)


def alexnet_bn(images, num_classes, *, groups=2):
    """Apply AlexNet with batch normalisation, with 60,984,360 trained parameters on 227x227x3 and 1,000 classes.

    The network that MatConvNet trains on ImageNet in 20 epochs: AlexNet without local response normalisation and
    without dropout, and a batch normalisation before each ReLU. Kernels are drawn from N(0, 0.01^2), biases begin with
    0; the moving averages keep 0.95 of what they were at each step. MatConvNet also multiplies the rates of
    biases and of the scales of the normalisation by 2, which no Keras optimizer here does.

    Args:
        images: Images `(batch, height, width, channels)` of at least 32x32 pixels. Sides below 67 are padded to that
            with zeros, which are the mean colour where it is subtracted.
        num_classes: Number of classes.
        groups: As for `alexnet`.

    Returns:
        Logits `(batch, num_classes)`.

    Reference:
        A. Vedaldi, K. Lenc, "MatConvNet: Convolutional Neural Networks for MATLAB", ACM Multimedia 2015, and its
        `examples/imagenet/cnn_imagenet_init.m` with `batchNormalization`.
    """

    def activated(x, number):
        x = layers.BatchNormalization(momentum=0.95, epsilon=1e-4, name=f"bn{number}")(x)
        return layers.Activation("relu", name=f"relu{number}")(x)

    x = _convolutions(_padded(images), groups, activated)
    for number in (6, 7):
        x = activated(layers.Dense(4096, **_initial(0.0), name=f"fc{number}")(x), number)
    return layers.Dense(num_classes, **_initial(0.0), name="scores")(x)


def _convolutions(x, groups, activated, biases=(0.0,) * 5):
    """Apply the five convolutions, `activated` of each and its number, and the poolings; return vectors."""
    plan = [(96, 11, 1), (256, 5, groups), (384, 3, 1), (384, 3, groups), (256, 3, groups)]
    for number, ((width, size, parts), bias) in enumerate(zip(plan, biases, strict=True), 1):
        first = {"strides": 4, "padding": "valid"} if number == 1 else {"padding": "same"}
        name = f"conv{number}"
        x = layers.Conv2D(width, size, groups=parts, **first, **_initial(bias), name=name)(x)
        x = activated(x, number)
        if number in (1, 2, 5):
            x = layers.MaxPooling2D(3, 2, name=f"pool{number}")(x)
    return layers.Flatten(name="flatten")(x)


def _padded(images):
    missing = [max(0, LEAST_SIDE - side) for side in images.shape[1:3]]
    if not any(missing):
        return images
    return layers.ZeroPadding2D([(lack // 2, lack - lack // 2) for lack in missing], name="padded")(images)


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
