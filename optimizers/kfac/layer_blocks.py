"""Layers whose part of the Fisher matrix has Kronecker factors: their gradients as matrices, their inputs as rows."""

import math
from dataclasses import dataclass

import keras
import tensorflow as tf


@dataclass(frozen=True)
class LayerBlock:
    """A Dense or Conv2D layer as the linear map of rows that it is: s = W' a, with 1 at the end of a for a bias.

    Attributes:
        layer: The layer, built.
        kernel, bias: Its variables; the bias is None where it has none.
    """

    layer: keras.layers.Layer
    kernel: keras.Variable
    bias: keras.Variable | None

    @property
    def variables(self) -> list:
        """The kernel, and the bias if there is one."""
        return [self.kernel] if self.bias is None else [self.kernel, self.bias]

    @property
    def num_inputs(self) -> int:
        """Entries of a row of inputs, the 1 of a bias included."""
        return math.prod(self.kernel.shape[:-1]) + (self.bias is not None)

    @property
    def num_outputs(self) -> int:
        """Outputs at each place."""
        return self.kernel.shape[-1]

    def matrix(self, tensors):
        """Return tensors of the variables' shapes as one matrix `(inputs, outputs)`."""
        rows = tf.reshape(tensors[0], [-1, self.num_outputs])
        return rows if self.bias is None else tf.concat([rows, tensors[1][None]], 0)

    def tensors(self, matrix):
        """Return a matrix as tensors of the variables' shapes: the inverse of `matrix`."""
        if self.bias is None:
            return [tf.reshape(matrix, self.kernel.shape)]
        return [tf.reshape(matrix[:-1], self.kernel.shape), matrix[-1]]

    def rows(self, inputs):
        """Return the inputs of the layer as rows `(batch * places, inputs)`, of a convolution its patches."""
        rows = _ROWS[type(self.layer)](self.layer, inputs)
        rows = tf.reshape(rows, [-1, self.num_inputs - (self.bias is not None)])
        if self.bias is None:
            return rows
        return tf.concat([rows, tf.ones([tf.shape(rows)[0], 1], rows.dtype)], 1)


def blocks_of(model) -> list[LayerBlock]:
    """Return the blocks of a built model's trainable Dense and Conv2D layers, in the order of its layers.

    Layers inside of a wrapper or a recurrent layer are called in a way of its own and have none.
    """
    trained = {id(variable) for variable in model.trainable_variables}
    layers = (layer for layer in _layers_below(model) if _has_factors(layer))
    blocks = [LayerBlock(layer, layer.kernel, layer.bias if layer.use_bias else None) for layer in layers]
    return [block for block in blocks if all(id(variable) in trained for variable in block.variables)]


def _layers_below(model):
    seen, found = set(), []

    def descend(layer):
        for below in layer._flatten_layers(include_self=False, recursive=False):
            if id(below) in seen:
                continue
            seen.add(id(below))
            found.append(below)
            if not isinstance(below, (keras.layers.Wrapper, keras.layers.RNN)):
                descend(below)

    descend(model)
    return found


def _has_factors(layer):
    # A subclass may compute anything.
    if type(layer) not in _ROWS or not layer.built:
        return False
    if getattr(layer, "lora_enabled", False) or getattr(layer, "quantization_mode", None):
        return False
    return type(layer) is keras.layers.Dense or (
        layer.groups == 1 and layer.data_format == "channels_last" and layer.padding in ("same", "valid")
    )


def _dense_rows(layer, inputs):
    del layer
    return inputs


def _patches(layer, inputs):
    # In the order of the kernel's axes: rows, columns, channels.
    return tf.image.extract_patches(
        inputs,
        sizes=[1, *layer.kernel_size, 1],
        strides=[1, *layer.strides, 1],
        rates=[1, *layer.dilation_rate, 1],
        padding=layer.padding.upper(),
    )


_ROWS = {keras.layers.Dense: _dense_rows, keras.layers.Conv2D: _patches}
