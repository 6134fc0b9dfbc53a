"""Checks of the arguments of optimizers, each of which returns the value or says in one sentence what it must be."""

import math
from numbers import Integral, Real


def positive(name, value):
    """Return a number as a float.

    Raises:
        ValueError: Unless it is a finite number above 0.
    """
    if not _is_number(value) or not 0 < value < math.inf:
        raise ValueError(f"`{name}` must be a positive number. Received: {name}={value!r}.")
    return float(value)


def in_unit_interval(name, value, closed=False):
    """Return a number as a float.

    Args:
        name: Of the argument.
        value: Its value.
        closed: Whether 1 is allowed too.

    Raises:
        ValueError: Unless it lies in [0, 1), or in [0, 1].
    """
    if not _is_number(value) or not (0 <= value < 1 or (closed and value == 1)):
        interval = "[0, 1]" if closed else "[0, 1)"
        raise ValueError(f"`{name}` must lie in {interval}. Received: {name}={value!r}.")
    return float(value)


def positive_integer(name, value):
    """Return an integer.

    Raises:
        ValueError: Unless it is one of at least 1.
    """
    return _integer(name, value, 1, "a positive integer")


def natural_number(name, value):
    """Return an integer.

    Raises:
        ValueError: Unless it is one of at least 0.
    """
    return _integer(name, value, 0, "an integer of at least 0")


def _integer(name, value, least, expected):
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"`{name}` must be {expected}. Received: {name}={value!r}.")
    return int(value)


def check_compiled(model):
    """Raise ValueError unless a Keras model is compiled and built, and has weights to train."""
    if not getattr(model, "compiled", False):
        raise ValueError("`model` must be compiled: its loss is measured. Received: a model that is not.")
    if not model.built:
        raise ValueError(
            "`model` must be built: give it a `keras.Input`, or call it on a batch once. Received: a model that is not."
        )
    if not model.trainable_variables:
        raise ValueError("`model` must have trainable weights. Received: none.")


def _is_number(value):
    if isinstance(value, bool):
        return False
    # Scalars of NumPy and TensorFlow count as numbers too.
    return isinstance(value, Real) or getattr(value, "shape", None) == ()
