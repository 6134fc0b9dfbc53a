"""Endless batches of the samples that a person has."""

import keras
import numpy as np
import tensorflow as tf


def sample_batches(x, y=None, sample_weight=None, *, batch_size, seed):
    """Return an iterator of batches `(x, y, sample_weight)`, nests of tensors or None, without end.

    Args:
        x: Array, nest of arrays, or `tf.data.Dataset` of batches, which keeps its own order.
        y, sample_weight: Arrays, nests of arrays or None; None with a dataset.
        batch_size: Samples in a batch of arrays.
        seed: Of the order of arrays, drawn anew for each pass; samples that do not fill a batch wait for the next.

    Raises:
        ValueError: For targets beside a dataset, arrays of different lengths, or fewer samples than a batch.
    """
    if not isinstance(x, tf.data.Dataset):
        return _array_batches((x, y, sample_weight), batch_size, seed)
    if y is not None or sample_weight is not None:
        raise ValueError(
            "`y` and `sample_weight` must be None with a dataset, which yields its own. Received: both."
        )
    return map(keras.utils.unpack_x_y_sample_weight, iter(x.repeat()))


def _array_batches(data, batch_size, seed):
    arrays = [leaf for leaf in keras.tree.flatten(data) if leaf is not None]
    shapes = [tuple(getattr(array, "shape", ())) for array in arrays]
    if not all(shapes) or len({shape[0] for shape in shapes}) != 1:
        raise ValueError(
            "`x`, `y` and `sample_weight` must be arrays, or nests of arrays, of the same number of samples, or `x` "
            f"a `tf.data.Dataset`. Received: {type(data[0]).__name__} and others, of the shapes {shapes}."
        )
    length = shapes[0][0]
    if length < batch_size:
        raise ValueError(
            f"`x` must hold at least one batch of samples. Received: {length} samples, batch_size={batch_size}."
        )
    return _shuffled(data, length, batch_size, seed)


def _shuffled(data, length, batch_size, seed):
    data = _mapped(np.asarray, data)
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(length)
        for start in range(0, length - batch_size + 1, batch_size):
            yield _rows(data, order[start : start + batch_size])


def _rows(data, rows):
    return _mapped(lambda array: tf.convert_to_tensor(array[rows]), data)


def _mapped(function, data):
    return keras.tree.map_structure(lambda leaf: None if leaf is None else function(leaf), data)
