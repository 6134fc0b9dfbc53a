"""Samples in the forms that Keras takes, as arrays in memory."""

import keras
import numpy as np
import tensorflow as tf

from tfapp.errors import InputError


def as_arrays(x, y=None, sample_weight=None):
    """Return `(x, y, sample_weight)` as nests of arrays.

    Args:
        x: an array, a nest of arrays, or a `tf.data.Dataset` or `keras.utils.PyDataset` of batches `x`, `(x, y)`
            or `(x, y, sample_weight)`; it is read once.
        y, sample_weight: arrays or nests of arrays, None with a dataset.

    Raises:
        InputError: targets beside a dataset, a dataset without end or without batches.
    """
    if not isinstance(x, tf.data.Dataset | keras.utils.PyDataset):
        return x, y, sample_weight
    if y is not None or sample_weight is not None:
        raise InputError("A dataset yields its own targets and weights. Received: a dataset as `x`, and `y`.")
    batches = list(_batches(x))
    if not batches:
        raise InputError("Expected a dataset of at least one batch. Received: an empty one.")
    parts = [keras.tree.map_structure(_join, *part) for part in zip(*batches, strict=True)]
    return (*parts, None, None)[:3]


def _batches(dataset):
    """Yield tuples of one to three nests of arrays."""
    if isinstance(dataset, tf.data.Dataset):
        if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
            raise InputError("Expected a dataset that ends. Received: an endless one; use `take(batches)`.")
        batches = dataset.as_numpy_iterator()
    else:
        batches = (dataset[index] for index in range(dataset.num_batches))
    for batch in batches:
        yield batch if isinstance(batch, tuple) else (batch,)


def _join(*arrays):
    return np.concatenate([np.asarray(array) for array in arrays])
