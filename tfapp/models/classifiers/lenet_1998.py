"""LeNet-5 as the paper of 1998 has it."""

import keras
import tensorflow as tf
from keras import layers

from tfapp.errors import InputError
from tfapp.models.classifiers.code_distances import DIGIT_CODES, CodeDistances
from tfapp.models.classifiers.connection_table import TableConv2D
from tfapp.models.classifiers.fan_in import UniformByFanIn
from tfapp.models.classifiers.sub_sampling import SubSampling2D

# The paper's table I: of each map of C3, the maps of S2 that it is connected to.
C3_TABLE = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),
    (0, 1, 2, 3, 4, 5),
)
SIZES = ((28, 28, 1), (32, 32, 1))


@keras.saving.register_keras_serializable(package="tfapp")
def scaled_tanh(x):
    """Return 1.7159 tanh(2/3 x), which is 1 at 1 and -1 at -1: the paper's squashing function."""
    return 1.7159 * tf.tanh(2.0 / 3.0 * x)


def lenet_5_1998(images, num_classes):
    """Apply the LeNet-5 of 1998, with exactly the paper's 60,000 trainable parameters.

    Its sub-sampling has a coefficient and a bias per map, its second convolution the paper's table of connections,
    every layer squashes by a scaled tanh, and the outputs are the squared distances to ten fixed codes, whose
    negatives are the logits: the cross-entropy of their softmax is the paper's equation 9 without the constant
    for rubbish. The codes are drawn anew in the manner of its figure 3.

    Args:
        images: Images `(batch, height, width, 1)` in [0, 1] of 32x32 pixels, or of 28x28, which are padded; ink
            is 1. They are scaled as the paper's: background -0.1, ink 1.175.
        num_classes: Number of classes, 10.

    Returns:
        Logits `(batch, 10)`, none positive.

    Raises:
        InputError: For other images, or another number of classes.

    Reference:
        Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-Based Learning Applied to Document Recognition",
        Proceedings of the IEEE 86(11), 1998, section II.B and appendix A (weights from a uniform distribution
        between -2.4 / F and 2.4 / F for a fan-in F).
    """
    _check(tuple(images.shape[1:]), num_classes)
    x = layers.ZeroPadding2D((32 - images.shape[1]) // 2, name="padded")(images)
    x = layers.Rescaling(1.275, offset=-0.1, name="normalised")(x)
    x = _squashed(layers.Conv2D(6, 5, **_initial(25), name="c1"), x)
    x = _squashed(SubSampling2D(**_initial(4), name="s2"), x)
    x = _squashed(TableConv2D(C3_TABLE, 5, name="c3"), x)
    x = _squashed(SubSampling2D(**_initial(4), name="s4"), x)
    x = _squashed(layers.Conv2D(120, 5, **_initial(400), name="c5"), x)
    x = layers.Flatten(name="flatten")(x)
    x = _squashed(layers.Dense(84, **_initial(120), name="f6"), x)
    return CodeDistances(DIGIT_CODES, name="scores")(x)


def _check(shape, num_classes):
    if shape not in SIZES or num_classes != len(DIGIT_CODES):
        raise InputError(
            "lenet-5-1998 is for grey images of 28x28 or 32x32 pixels and 10 classes, as the paper has it; got "
            f"images of shape {shape} and {num_classes} classes: take lenet-5."
        )


def _squashed(layer, x):
    return layers.Activation(scaled_tanh, name=f"{layer.name}_squashed")(layer(x))


def _initial(fan_in):
    return {"kernel_initializer": UniformByFanIn(fan_in), "bias_initializer": UniformByFanIn(fan_in)}
