"""The samples that a loss is averaged over, in memory, batch by batch."""

import keras
import tensorflow as tf

from tfapp.errors import InputError


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
