"""Samples that a loss is averaged over, in the forms that Keras takes, batch by batch."""

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


class Batches:
    """Samples that stay in memory as tensors and are sliced into batches of fixed shape.

    Args:
        x, y, sample_weight: an array or a nest of arrays (a list or dictionary for several inputs or
            outputs), first axis the samples; `sample_weight` may be None. Floating-point arrays are cast
            to `keras.config.floatx()`, as `model.evaluate` does.
        batch_size: integer > 0.

    Raises:
        InputError: no samples, arrays of different length, or `batch_size` < 1.
    """

    def __init__(self, x, y, sample_weight, batch_size: int):
        if batch_size < 1:
            raise InputError(f"`batch_size` must be a positive integer. Received: batch_size={batch_size}.")
        self._x, self._y, self._weight = (_to_tensors(part) for part in (x, y, sample_weight))
        present = [part for part in (self._x, self._y, self._weight) if part is not None]
        lengths = sorted({int(leaf.shape[0]) for leaf in keras.tree.flatten(present)})
        if len(lengths) != 1 or lengths[0] == 0:
            raise InputError(f"Expected as many samples in every array, at least one. Received: {lengths}.")
        self.num_samples = lengths[0]
        self.batch_size = min(batch_size, self.num_samples)
        self.num_full, self.remainder = divmod(self.num_samples, self.batch_size)

    def slice(self, start, size: int):
        """Return `(x, y, sample_weight)` of the samples start, ..., start + size - 1."""
        return tuple(_slice(part, start, size) for part in (self._x, self._y, self._weight))

    def __iter__(self):
        """Yield `(start, size)` of every batch, the remainder last."""
        for index in range(self.num_full):
            yield index * self.batch_size, self.batch_size
        if self.remainder:
            yield self.num_full * self.batch_size, self.remainder


def _to_tensors(nest):
    return None if nest is None else keras.tree.map_structure(_to_tensor, nest)


def _to_tensor(array):
    tensor = tf.convert_to_tensor(array)
    return tf.cast(tensor, keras.config.floatx()) if tensor.dtype.is_floating else tensor


def _slice(nest, start, size):
    if nest is None:
        return None

    def cut(tensor):
        rest = tensor.shape[1:]
        return tf.slice(tensor, [start] + [0] * len(rest), [size, *rest])

    return keras.tree.map_structure(cut, nest)
