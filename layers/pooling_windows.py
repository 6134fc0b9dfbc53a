"""The windows of a two-dimensional pooling: their arguments, sizes and places."""

import tensorflow as tf

PADDINGS = ("valid", "same")


def window_pair(name, value):
    """Return a pair (rows, columns) of a layer's argument that is one positive integer or a pair of them."""
    pair = tuple(value) if isinstance(value, (list, tuple)) else (value, value)
    if len(pair) != 2 or not all(isinstance(length, int) and length > 0 for length in pair):
        raise ValueError(f"`{name}` must be a positive integer or a pair of them. Received: {name}={value}")
    return pair


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
