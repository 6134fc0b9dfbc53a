"""LeNet-5 as LeCun, Bottou, Bengio and Haffner (1998) have it."""

import keras
import numpy as np
import tensorflow as tf
from keras import initializers, layers, regularizers

from tfapp.errors import InputError

# Table I of LeCun et al.: of each map of C3, the maps of S2 that it is connected to.
C3_TABLE = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),
    (0, 1, 2, 3, 4, 5),
)
SIZES = ((28, 28, 1), (32, 32, 1))
# Of each digit, twelve rows of seven pixels in the manner of their figure 3; # is 1, any other sign -1.
_DIGITS = (
    "..###.. .##.##. ##...## ##...## ##...## ##...## ##...## ##...## .##.##. ..###.. ....... .......",
    "...##.. ..###.. .####.. ...##.. ...##.. ...##.. ...##.. ...##.. ...##.. .###### ....... .......",
    ".#####. ##...## #....## .....## ....##. ...##.. ..##... .##.... ##..... ####### ....... .......",
    ".#####. ##...## .....## .....## ..####. .....## .....## .....## ##...## .#####. ....... .......",
    "....##. ...###. ..####. .##.##. ##..##. ##..##. ####### ....##. ....##. ....##. ....... .......",
    "####### ##..... ##..... ######. .....## .....## .....## .....## ##...## .#####. ....... .......",
    "..####. .##.... ##..... ##..... ######. ###..## ##...## ##...## ##...## .#####. ....... .......",
    "####### .....## .....## ....##. ....##. ...##.. ...##.. ..##... ..##... ..##... ....... .......",
    ".#####. ##...## ##...## ##...## .#####. ##...## ##...## ##...## ##...## .#####. ....... .......",
    ".#####. ##...## ##...## ##...## ##..### .###### .....## .....## ....##. .####.. ....... .......",
)
DIGIT_CODES = tuple(
    tuple(1 if pixel == "#" else -1 for row in digit.split() for pixel in row) for digit in _DIGITS
)


@keras.saving.register_keras_serializable(package="tfapp")
def scaled_tanh(x):
    """Return 1.7159 tanh(2/3 x), which is 1 at 1 and -1 at -1: their squashing function."""
    return 1.7159 * tf.tanh(2.0 / 3.0 * x)


def lenet_5_1998(images, num_classes):
    """Apply the LeNet-5 of 1998, with exactly the published 60,000 trainable parameters.

    Its sub-sampling has a coefficient and a bias per map, its second convolution the published table of connections,
    every layer squashes by a scaled tanh, and the outputs are the squared distances to ten fixed codes, whose
    negatives are the logits: the cross-entropy of their softmax is equation 9 of LeCun et al. without the constant
    for rubbish. The codes are drawn anew in the manner of their figure 3.

    Args:
        images: Images `(batch, height, width, 1)` in [0, 1] of 32x32 pixels, or of 28x28, which are padded; ink
            is 1. They are scaled as published: background -0.1, ink 1.175.
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
            "lenet-5-1998 is for grey images of 28x28 or 32x32 pixels and 10 classes, as published; got "
            f"images of shape {shape} and {num_classes} classes: take lenet-5."
        )


def _squashed(layer, x):
    return layers.Activation(scaled_tanh, name=f"{layer.name}_squashed")(layer(x))


def _initial(fan_in):
    return {"kernel_initializer": UniformByFanIn(fan_in), "bias_initializer": UniformByFanIn(fan_in)}


@keras.saving.register_keras_serializable(package="tfapp")
class TableConv2D(keras.layers.Layer):
    """Convolve with a table of connections: there is one kernel for each pair of maps in it, and no other.

    y_j = b_j + sum of k_ij * x_i over the maps i that the table connects to map j, without padding. Initial weights
    are uniform by the fan-in of map j, as `UniformByFanIn` draws them.

    Args:
        table: Of each output map, the sequence of the input maps that it is connected to, counted from 0.
        kernel_size: Height and width of the kernels, a positive integer.
        kernel_regularizer, bias_regularizer: For the kernels and the biases.

    Input shape:
        `(batch, height, width, channels)` with channels above the largest map in the table.

    Output shape:
        `(batch, height - kernel_size + 1, width - kernel_size + 1, len(table))`.

    Reference:
        Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-Based Learning Applied to Document Recognition",
        Proceedings of the IEEE 86(11), 1998, table I.
    """

    def __init__(self, table, kernel_size, kernel_regularizer=None, bias_regularizer=None, **kwargs):
        super().__init__(**kwargs)
        self.table = tuple(tuple(sources) for sources in table)
        self.kernel_size = kernel_size
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)

    def build(self, input_shape):
        pairs = [(source, target) for target, sources in enumerate(self.table) for source in sources]
        fan_in = [self.kernel_size**2 * len(sources) for sources in self.table]
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.kernel_size, self.kernel_size, len(pairs)),
            initializer=UniformByFanIn([fan_in[target] for _, target in pairs]),
            regularizer=self.kernel_regularizer,
        )
        self.bias = self.add_weight(
            name="bias",
            shape=(len(self.table),),
            initializer=UniformByFanIn(fan_in),
            regularizer=self.bias_regularizer,
        )
        # Row p puts kernel p to its place among all pairs of maps; the others stay 0.
        self._placed = np.zeros((len(pairs), input_shape[-1], len(self.table)))
        for row, (source, target) in enumerate(pairs):
            self._placed[row, source, target] = 1

    def call(self, inputs):
        placed = tf.constant(self._placed, self.compute_dtype)
        full_kernel = tf.tensordot(tf.cast(self.kernel, self.compute_dtype), placed, 1)
        return tf.nn.conv2d(inputs, full_kernel, 1, "VALID") + tf.cast(self.bias, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        batch, *lengths, _ = input_shape
        return (batch, *(length - self.kernel_size + 1 for length in lengths), len(self.table))

    def get_config(self):
        own = {
            "table": self.table,
            "kernel_size": self.kernel_size,
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
        }
        return {**super().get_config(), **own}


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


@keras.saving.register_keras_serializable(package="tfapp")
class CodeDistances(keras.layers.Layer):
    """Answer minus the squared Euclidean distance to the code of each class; nothing is trained.

    y_i = - sum_j (x_j - w_ij)^2: the output layer of Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-Based
    Learning Applied to Document Recognition", Proceedings of the IEEE 86(11), 1998, equation 7, with the sign that
    makes the outputs logits.

    Args:
        codes: The code w_i of each class, all of one length.

    Input shape:
        `(batch, length)`.

    Output shape:
        `(batch, classes)`.
    """

    def __init__(self, codes, **kwargs):
        super().__init__(**kwargs)
        self.codes = np.asarray(codes).tolist()

    def call(self, inputs):
        codes = tf.constant(self.codes, inputs.dtype)
        return -tf.reduce_sum(tf.square(inputs[:, None, :] - codes), axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], len(self.codes))

    def get_config(self):
        return {**super().get_config(), "codes": self.codes}


@keras.saving.register_keras_serializable(package="tfapp")
class UniformByFanIn(keras.initializers.RandomUniform):
    """Draw weights uniformly between -2.4 / F and 2.4 / F for units of fan-in F.

    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-Based Learning Applied to Document Recognition",
    Proceedings of the IEEE 86(11), 1998, section III.A of its appendix.

    Args:
        fan_in: Number of inputs of a unit, or a list of them, one for each entry of the last axis.
        seed: As in `keras.initializers.RandomUniform`.
    """

    def __init__(self, fan_in, seed=None):
        super().__init__(minval=-2.4, maxval=2.4, seed=seed)
        self.fan_in = fan_in

    def __call__(self, shape, dtype=None):
        weights = super().__call__(shape, dtype)
        return weights / tf.constant(self.fan_in, weights.dtype)

    def get_config(self):
        return {"fan_in": self.fan_in, "seed": super().get_config()["seed"]}
