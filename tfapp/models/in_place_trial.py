"""Trial of what is said to work pixel by pixel: a change of one pixel of one image must change no other pixel."""

import numpy as np
import tensorflow as tf

_BATCH, _SIZE, _PIXEL = 2, (5, 6), (0, 2, 3)
_CHANNELS = 3  # where a network does not tell how many there are
_SAME = 1e-5


def keeps_to_its_pixel(function, tensors):
    """Return whether the values of a function at a pixel depend on that pixel of its inputs alone, by two trials.

    What a layer does cannot be told by its name: `keras.layers.Average` joins feature maps pixel by pixel,
    `keras.ops.average` is the mean of the whole image, and both are called Average.

    Args:
        function: Function of a list of arrays, one for each of the symbolic tensors, to one tensor or several.
        tensors: Symbolic tensors that it takes, of which those of rank 4 are feature maps.
    """
    generator = np.random.default_rng(0)
    arrays, changed = [], []
    for tensor in tensors:
        size = _SIZE if len(tensor.shape) == 4 else ()
        shape = [_BATCH, *size, *tensor.shape[1 + len(size) :]]
        shape = [_CHANNELS if length is None else length for length in shape]
        values = generator.uniform(0.1, 0.9, shape)
        if not tensor.dtype.startswith(("float", "bfloat")):
            values = np.rint(values)
        other = values.copy()
        if size:
            other[_PIXEL] = 1.0 - values[_PIXEL] if tensor.dtype == "bool" else 0.7 * values[_PIXEL]
        arrays.append(tf.cast(values, tensor.dtype))
        changed.append(tf.cast(other, tensor.dtype))
    there, here = (tf.nest.flatten(function(given)) for given in (arrays, changed))
    return all(_differ_there_alone(*pair) for pair in zip(there, here, strict=True))


def _differ_there_alone(one, other):
    if one.shape.rank != 4 or tuple(one.shape[:3]) != (_BATCH, *_SIZE):
        return False
    one, other = (tf.cast(values, tf.float32).numpy() for values in (one, other))
    same = np.isclose(one, other, rtol=_SAME, atol=_SAME, equal_nan=True)
    same[_PIXEL] = True
    return bool(same.all())
