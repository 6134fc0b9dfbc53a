"""The inverse of max pooling: every maximum back to the place where it was."""

import keras
import tensorflow as tf

from tfapp.layers.pooling_windows import axis_lengths, padding_name, unpooled_length, window_pair


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
class MaxUnpooling2D(keras.layers.Layer):
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

    def __init__(self, pool_size=2, strides=2, padding="same", **kwargs):
        super().__init__(**kwargs)
        self.pool_size = window_pair("pool_size", pool_size)
        self.strides = window_pair("strides", strides)
        self.padding = padding_name(padding)

    def call(self, pooled, indices, reference=None):
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
