"""What Keras attaches to a prediction: the mask of what counts, and the logits that its probabilities were made of.

Losses look for both on the very tensor that a model returns. A part of it, or a copy of another dtype, is another
tensor, from which Keras computes another loss: padding counts, and confident probabilities are clipped.
"""

import tensorflow as tf

_PREFIX = "_keras_"
# Keras takes the input of these operations of a graph for the logits, where no layer attached them.
_FROM_LOGITS = {"Softmax": tf.nn.softmax, "Sigmoid": tf.nn.sigmoid}


def with_attached(change, tensor):
    """Return a changed tensor with what Keras attached to the given one, changed in the same way.

    Args:
        change: function from tensors to tensors, such as a slice along the first axis.
        tensor: of a prediction.
    """
    if not isinstance(tensor, tf.Tensor):
        return change(tensor)
    operation = getattr(tensor, "op", None)  # of a tensor in a graph
    if operation is not None and operation.type in _FROM_LOGITS and len(operation.inputs) == 1:
        changed = _FROM_LOGITS[operation.type](change(operation.inputs[0]))
    else:
        changed = change(tensor)
    for name, value in _attached(tensor).items():
        setattr(changed, name, change(value))
    return changed


def has_attached(tensor) -> bool:
    """Return whether Keras attached something to a tensor."""
    return bool(_attached(tensor))


def _attached(tensor):
    names = getattr(tensor, "__dict__", {})
    return {n: value for n, value in names.items() if n.startswith(_PREFIX) and tf.is_tensor(value)}
