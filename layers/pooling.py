"""Max pooling that remembers where the maxima were, and its inverse."""

from numbers import Integral

import keras
import tensorflow as tf

from tfapp.layers.arguments import check_channels_last
from tfapp.layers.options import CheckedOptions

PADDINGS = ("valid", "same")


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
class MaxPoolWithIndices(CheckedOptions, keras.layers.Layer):
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

    OPTIONS = BUILT_IN = ("pool_size", "strides", "padding")

    def __init__(self, pool_size=2, strides=None, padding="valid", **kwargs):
        super().__init__(**kwargs)
        self.pool_size, self.padding = pool_size, padding
        self.strides = self.pool_size if strides is None else strides

    def checked(self, name, value):
        return checked_window(name, value)

    def call(self, images):
        check_channels_last(type(self).__name__)
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


def max_unpool(pooled, indices, height, width):
    """Return zeros with the pooled values at their indices; values of the same place are added.

    A sum over segments, which with its derivative takes a third of the time of `tf.scatter_nd` on a CPU.
    It is linear in `pooled`; the derivative takes the values at the indices.

    Args:
        pooled: Tensor `(batch, pooled_height, pooled_width, channels)`.
        indices: Integers of that shape, `(row * width + column) * channels + channel` in each image of
            the result; the channel is taken from the place in `pooled`, as tensorflow-addons does.
        height: Height of the result, an integer or scalar tensor.
        width: Width of the result.

    Returns:
        Tensor `(batch, height, width, channels)`. An index outside of its image fails on a CPU; with
        XLA and on a GPU its value is lost.
    """
    if not pooled.shape.is_compatible_with(indices.shape):
        raise ValueError(
            "`indices` must have the shape of `pooled`. "
            f"Received: indices.shape={tuple(indices.shape)}, pooled.shape={tuple(pooled.shape)}"
        )
    batch, _, _, channels = axis_lengths(pooled)
    size = tf.cast(height, tf.int64) * tf.cast(width, tf.int64)
    first = tf.reshape(tf.range(tf.cast(batch, tf.int64)) * size, (-1, 1, 1, 1))
    # int64 throughout: a batch of feature maps can have more than 2**31 elements.
    pixels = tf.cast(indices, tf.int64) // channels
    places = (first + pixels) * channels + tf.range(channels, dtype=tf.int64)
    total = tf.cast(batch, tf.int64) * size * channels
    # Beyond its own image an index would reach into the next one of the batch.
    places = tf.where((pixels >= 0) & (pixels < size), places, total)
    return tf.reshape(tf.math.unsorted_segment_sum(pooled, places, total), (batch, height, width, channels))


@keras.saving.register_keras_serializable(package="tfapp")
class MaxUnpooling2D(CheckedOptions, keras.layers.Layer):
    """Put the values of a max pooling back to the places of the maxima, and zeros elsewhere.

    Arguments, defaults, call and result are those of `tensorflow_addons.layers.MaxUnpooling2D` 0.23,
    which works only where the windows fill the image. Where they did not, give the tensor that was
    pooled as `reference`: the result has exactly its height and width.

    Args:
        pool_size: Positive integer or pair of them: rows and columns of the windows of the pooling.
        strides: The same, from one window to the next.
        padding: `"same"` or `"valid"`, that of the pooling.

    Call arguments:
        pooled: Tensor `(batch, pooled_height, pooled_width, channels)`.
        indices: Integers of that shape, as `MaxPoolWithIndices` gives them, or
            `tf.nn.max_pool_with_argmax` with `include_batch_in_index=False`; an index outside of its
            image fails on a CPU. Values with the same index are added.
        reference: Tensor `(batch, height, width, channels)` whose height and width the result gets, or
            None; only its shape is used.

    Output shape:
        `(batch, height, width, channels)` with the height and width of `reference`. Without it
        `pooled_height * stride` for the padding `"same"`, `(pooled_height - 1) * stride + pool` for
        `"valid"`, and the width likewise.

    Example:
        >>> images = tf.reshape([1.0, 2.0, 4.0, 3.0], (1, 2, 2, 1))
        >>> MaxUnpooling2D()(*MaxPoolWithIndices()(images))[0, :, :, 0].numpy().tolist()
        [[0.0, 0.0], [4.0, 0.0]]
    """

    OPTIONS = BUILT_IN = ("pool_size", "strides", "padding")

    def __init__(self, pool_size=2, strides=2, padding="same", **kwargs):
        super().__init__(**kwargs)
        self.pool_size, self.strides, self.padding = pool_size, strides, padding

    def checked(self, name, value):
        return checked_window(name, value)

    def call(self, pooled, indices, reference=None):
        check_channels_last(type(self).__name__)
        _, height, width, _ = self._output_shape(
            axis_lengths(pooled), None if reference is None else axis_lengths(reference)
        )
        return max_unpool(pooled, indices, height, width)

    def compute_output_shape(self, pooled_shape, indices_shape, reference_shape=None):
        return self._output_shape(pooled_shape, reference_shape)

    def _output_shape(self, pooled, reference):
        batch, height, width, channels = pooled
        if reference is not None:
            return (batch, reference[1], reference[2], channels)
        height = unpooled_length(height, self.pool_size[0], self.strides[0], self.padding)
        width = unpooled_length(width, self.pool_size[1], self.strides[1], self.padding)
        return (batch, height, width, channels)

    def get_config(self):
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
        }


def window_pair(name, value):
    """Return a pair (rows, columns) of a layer's argument that is one positive integer or a pair of them."""
    pair = tuple(value) if isinstance(value, (list, tuple)) else (value, value)
    if len(pair) != 2 or not all(isinstance(length, Integral) and length > 0 for length in pair):
        raise ValueError(f"`{name}` must be a positive integer or a pair of them. Received: {name}={value}")
    return tuple(int(length) for length in pair)


def checked_window(name, value):
    """Return the option of this name of a pooling: the padding, or a pair of lengths."""
    return padding_name(value) if name == "padding" else window_pair(name, value)


def padding_name(value):
    """Return `valid` or `same` of a layer's argument, which may be in capitals as TensorFlow writes it."""
    name = value.lower() if isinstance(value, str) else value
    if name not in PADDINGS:
        raise ValueError(f"`padding` must be one of {PADDINGS}. Received: padding={value!r}")
    return name


def pooled_length(length, pool, stride, padding):
    """Return the number of windows along an axis; `length` is an integer, a scalar tensor or None."""
    if length is None:
        return None
    return -(-length // stride) if padding == "same" else (length - pool) // stride + 1


def unpooled_length(length, pool, stride, padding):
    """Return the largest length (`same`) or the smallest (`valid`) that gives `length` windows.

    `length` is an integer, a scalar tensor or None.
    """
    if length is None:
        return None
    return length * stride if padding == "same" else (length - 1) * stride + pool


def window_starts(length, pool, stride, padding):
    """Return the first position of every window along an axis, int32; with `same` it may be negative."""
    count = pooled_length(length, pool, stride, padding)
    starts = tf.range(count) * stride
    if padding == "same":
        starts -= tf.maximum((count - 1) * stride + pool - length, 0) // 2
    return starts


def axis_lengths(tensor):
    """Return the lengths of a tensor's axes: integers where they are known, else scalar tensors."""
    dynamic = tf.shape(tensor)
    return [dynamic[axis] if length is None else length for axis, length in enumerate(tensor.shape)]
