"""Outputs that measure the distance to a fixed code of each class, LeNet-5's."""

import keras
import numpy as np
import tensorflow as tf

# Of each digit, twelve rows of seven pixels in the manner of the paper's figure 3; # is 1, any other sign -1.
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
