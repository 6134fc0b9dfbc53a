"""Max pooling that remembers where the maxima were."""

import keras
import tensorflow as tf

from tfapp.layers.pooling_windows import (
    axis_lengths,
    padding_name,
    pooled_length,
    window_pair,
    window_starts,
)


def max_pool_with_indices(images, pool_size, strides, padding):
    """Return (pooled, indices) as `tf.nn.max_pool_with_argmax` defines them.

    That operation does not compile with XLA, and its derivative chooses between equal maxima on its own.
    Here the maxima are gathered at their indices, so that the derivative goes where the index points.

    Args:
        images: Tensor `(batch, height, width, channels)` of numbers that are not NaN.
        pool_size: Pair of positive integers, rows and columns of a window.
        strides: Pair of positive integers, from one window to the next.
        padding: `valid` or `same`.

    Returns:
        pooled: `(batch, pooled_height, pooled_width, channels)`, the maxima.
        indices: int64 of that shape, `(row * width + column) * channels + channel` of each maximum in
            its image, the first in row-major order between equal ones.
    """
    batch, _, _, channels = axis_lengths(images)
    pixels = tf.cast(_pixels_of_maxima(tf.stop_gradient(images), pool_size, strides, padding), tf.int64)
    indices = pixels * channels + tf.range(channels, dtype=tf.int64)
    flat = tf.gather(tf.reshape(images, (batch, -1)), tf.reshape(indices, (batch, -1)), axis=1, batch_dims=1)
    return tf.reshape(flat, tf.shape(indices)), indices


def _pixels_of_maxima(images, pool_size, strides, padding):
    _, height, width, _ = axis_lengths(images)
    top = window_starts(height, pool_size[0], strides[0], padding)
    left = window_starts(width, pool_size[1], strides[1], padding)
    largest, pixels = None, None
    for row in range(pool_size[0]):
        # Where a window reaches beyond the image, its outermost pixel counts twice, which changes nothing.
        rows = tf.clip_by_value(top + row, 0, height - 1)
        lines = tf.gather(images, rows, axis=1)
        for column in range(pool_size[1]):
            columns = tf.clip_by_value(left + column, 0, width - 1)
            values = tf.gather(lines, columns, axis=2)
            here = (rows[:, None] * width + columns)[None, :, :, None]
            if largest is None:
                largest, pixels = values, tf.broadcast_to(here, tf.shape(values))
            else:
                pixels = tf.where(values > largest, here, pixels)
                largest = tf.maximum(values, largest)
    return pixels


@keras.saving.register_keras_serializable(package="tfapp")
class MaxPoolWithIndices(keras.layers.Layer):
    """Max pooling that also returns where each maximum was, for `MaxUnpooling2D`.

    The same numbers as `tf.nn.max_pool_with_argmax` with `include_batch_in_index=False`. Between equal
    maxima the first in row-major order is taken, for the index and for the derivative.

    Args:
        pool_size: Positive integer, or a pair of them for rows and columns of a window.
        strides: The same, from one window to the next. Defaults to `pool_size`.
        padding: `"valid"` leaves out windows that reach beyond the image, `"same"` keeps them.

    Call arguments:
        images: Tensor `(batch, height, width, channels)` of any height and width.

    Output shape:
        Pair of `(batch, pooled_height, pooled_width, channels)`: the maxima, and int64 indices
        `(row * width + column) * channels + channel` counted from the start of each image.

    Example:
        >>> pooled, indices = MaxPoolWithIndices()(tf.reshape([1.0, 2.0, 4.0, 3.0], (1, 2, 2, 1)))
        >>> float(pooled[0, 0, 0, 0]), int(indices[0, 0, 0, 0])
        (4.0, 2)
    """

    def __init__(self, pool_size=2, strides=None, padding="valid", **kwargs):
        super().__init__(**kwargs)
        self.pool_size = window_pair("pool_size", pool_size)
        self.strides = self.pool_size if strides is None else window_pair("strides", strides)
        self.padding = padding_name(padding)

    def call(self, images):
        return max_pool_with_indices(images, self.pool_size, self.strides, self.padding)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        height = pooled_length(height, self.pool_size[0], self.strides[0], self.padding)
        width = pooled_length(width, self.pool_size[1], self.strides[1], self.padding)
        return ((batch, height, width, channels),) * 2

    def compute_output_spec(self, images):
        # From the shapes alone Keras would take the indices for floats.
        pooled, indices = self.compute_output_shape(images.shape)
        return keras.KerasTensor(pooled, self.compute_dtype), keras.KerasTensor(indices, "int64")

    def get_config(self):
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
        }
