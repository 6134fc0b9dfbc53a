"""A convolution whose maps see only some of the maps before, LeNet-5's C3."""

import keras
import numpy as np
import tensorflow as tf
from keras import regularizers

from tfapp.models.classifiers.fan_in import UniformByFanIn


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
