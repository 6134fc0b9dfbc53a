"""Enlargements of Keras in graphs of images of unknown height and width, which its newer versions do not trace."""

from contextlib import contextmanager
from types import MethodType

import keras
import tensorflow as tf


def take_open_sizes(model, nearest=False):
    """Let a model be traced for images of unknown size where it enlarges feature maps by interpolation.

    Newer versions of Keras (3.15 is one) ask in `keras.ops.image.resize` whether the new size is above 0, which no
    graph knows of a size that it does not know. `UpSampling2D` layers that interpolate get a `call` of their own, that
    asks nothing; their name, their configuration and what is saved of them stay, and so does what they compute.

    Args:
        model: Keras model or layer; layers inside it are found at any depth.
        nearest: Whether layers that repeat pixels get one too: Keras's way of repeating hides the number of channels
            from converters such as that of TFLite, which then know no convolution of it.

    Returns:
        List of the layers that were changed.
    """
    # Keras has no public walk through layers nested in models, wrappers and composite layers.
    layers = filter(_is_plain, model._flatten_layers())
    layers = [layer for layer in layers if nearest or layer.interpolation != "nearest"]
    for layer in layers:
        layer.call = MethodType(_enlarged, layer)
    return layers


@contextmanager
def open_sizes(model, nearest=False):
    """Let a model be traced for images of unknown size, as by `take_open_sizes`, and leave it as it was."""
    layers = take_open_sizes(model, nearest)
    try:
        yield
    finally:
        for layer in layers:
            del layer.call


def _is_plain(layer):
    # A subclass may compute something else, and what was changed already has a call of its own.
    return type(layer) is keras.layers.UpSampling2D and "call" not in vars(layer)


def _enlarged(layer, inputs):
    height, width = (2, 3) if layer.data_format == "channels_first" else (1, 2)
    if None not in (inputs.shape[height], inputs.shape[width]):
        return type(layer).call(layer, inputs)
    size = tf.stack([tf.shape(inputs)[height] * layer.size[0], tf.shape(inputs)[width] * layer.size[1]])
    images = tf.transpose(inputs, (0, 2, 3, 1)) if height == 2 else inputs
    resized = tf.image.resize(images, size, layer.interpolation)
    if inputs.dtype.is_integer:
        resized = tf.saturate_cast(tf.round(resized), inputs.dtype)
    else:
        # What lies between values of a kind of float fits into it.
        resized = tf.cast(resized, inputs.dtype)
    return tf.transpose(resized, (0, 3, 1, 2)) if height == 2 else resized
