"""What data that are given as arrays must be, in words, before a loss is measured on them."""

import numbers

import keras
import scipy.sparse
import tensorflow as tf

_NOT_DENSE = tf.RaggedTensor | tf.SparseTensor


def array_fault(**parts) -> str | None:
    """Return what is wrong with nests of arrays, as a sentence, or None.

    Sparse matrices, which `model.evaluate` takes, would have to be sliced and hashed in another way; Python lists of
    numbers, which it does not take, are a nest with a number in each leaf.

    Args:
        **parts: `x`, `y` and `sample_weight`: an array, a nest of arrays, or None.
    """
    for name, nest in parts.items():
        for leaf in keras.tree.flatten(nest):
            if isinstance(leaf, _NOT_DENSE) or scipy.sparse.issparse(leaf):
                return f"Expected dense arrays. Received: `{name}` with a {type(leaf).__name__}; make it dense first."
            if _is_one_value(leaf):
                what = "a" if leaf is nest else f"a {type(nest).__name__} with a"
                return (
                    f"Expected `{name}` to be an array, or a nest of arrays, with the samples on the first axis. "
                    f"Received: {what} {type(leaf).__name__}; make it an array, `np.asarray({name})`."
                )
    return None


def _is_one_value(leaf):
    if isinstance(leaf, str | bytes | numbers.Number):
        return True
    return getattr(leaf, "shape", None) in ((), tf.TensorShape(()))
