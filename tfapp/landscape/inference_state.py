"""Whether a model gives the same answer twice: random draws and state that inference itself changes."""

import warnings

import keras
import numpy as np
import tensorflow as tf

from tfapp.optimizers.stateless_loss import training_argument

# Operations that add up in another order differ by rounding, far less than this share of the largest number.
_SAME = 1e-3
# A single draw may happen to be that of before.
_CALLS = 3


def predict_and_warn(model: keras.Model, x):
    """Return the prediction of a model in inference mode, and warn if it depends on more than weights and samples.

    The state of the model is as before when this returns.

    Args:
        model: built Keras model.
        x: one sample or more.

    Warns:
        UserWarning: layers draw at random in inference, or remember what they have seen.
    """
    before = [(name, variable, variable.numpy()) for name, variable in _state(model)]
    try:
        first, *others = (model(x, **training_argument(model.call, False)) for _ in range(_CALLS))
        moved = [name for name, variable, value in before if variable.numpy().tobytes() != value.tobytes()]
    finally:
        for _, variable, value in before:
            variable.assign(value)
    remembered = [name for name in moved if "seed_generator_state" not in name]
    if remembered:
        warnings.warn(
            f"{model.name!r} changes {remembered[0]} in inference: what it says depends on what it has seen before. "
            "Measured is the loss with the state that it has now before every batch; `model.evaluate` hands the state "
            "of one batch on to the next.",
            stacklevel=4,
        )
    elif moved or any(_differ(first, other) for other in others):
        warnings.warn(
            f"{model.name!r} draws at random in inference, so that its loss differs from call to call. What is "
            "measured is of one draw, not of the mean over all draws; another call may well give other numbers. Build "
            "the model without what is random in inference, or compare several calls.",
            stacklevel=4,
        )
    return first


def _state(model):
    """Return the variables that inference may change, each with a name."""
    found = [(variable.path, variable) for variable in model.non_trainable_variables]
    for layer in model._flatten_layers():
        # Keras keeps the states of recurrent layers out of their weights.
        states = keras.tree.flatten(
            getattr(layer, "states", None) if getattr(layer, "stateful", False) else ()
        )
        found += [(f"the state of {layer.name}", one) for one in states if isinstance(one, keras.Variable)]
    return found


def _differ(first, other):
    return any(
        _numbers_differ(one.numpy(), two.numpy())
        for one, two in zip(keras.tree.flatten(first), keras.tree.flatten(other), strict=True)
        if isinstance(one, tf.Tensor) and one.dtype.is_floating
    )


def _numbers_differ(first, other):
    if first.shape != other.shape:
        return True
    finite = np.isfinite(first) & np.isfinite(other)
    first, other = (np.asarray(one[finite], np.float64) for one in (first, other))
    return np.abs(first - other).max(initial=0.0) > _SAME * np.abs(first).max(initial=0.0)
