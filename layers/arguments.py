"""Checks of what layers are given, with errors that say what was expected and what came."""

import math
import numbers
import warnings

import keras
import numpy as np
import tensorflow as tf

# The gap is a difference of sums of float32 numbers: below this per pixel it is rounding.
LEAST_TOLERANCE = 1e-6


def checked_weight(tv_weight, learned, per_class):
    """Return an initial lambda as a float, or as a tuple of floats, one for each class.

    Raises:
        ValueError: Unless it is finite and >= 0, and > 0 if it is learned; for several without `per_class`.
    """
    is_list = per_class and isinstance(tv_weight, (list, tuple, np.ndarray)) and np.ndim(tv_weight) == 1
    values = list(tv_weight) if is_list else [tv_weight]
    if not values or not all(isinstance(value, numbers.Real) for value in values):
        raise ValueError(
            "`tv_weight` must be one number; with `per_class=True` it may be a list of one for each class, and a call "
            f"takes them too, `layer(logits, tv_weight=[...])`. Received: tv_weight={tv_weight!r}"
        )
    if not all(math.isfinite(value) and (value > 0 or (value == 0 and not learned)) for value in values):
        raise ValueError(
            "`tv_weight` must be a finite number > 0 (0 is allowed with `learn_tv_weight=False`). "
            f"Received: tv_weight={tv_weight}, learn_tv_weight={learned}"
        )
    return tuple(map(float, values)) if is_list else float(tv_weight)


def check_positive(**values):
    for name, value in values.items():
        if not (isinstance(value, numbers.Real) and math.isfinite(value) and value > 0):
            raise ValueError(f"`{name}` must be a finite number > 0. Received: {name}={value}")


def check_count(**values):
    for name, value in values.items():
        if (
            not isinstance(value, numbers.Real)
            or not math.isfinite(value)
            or int(value) != value
            or value < 1
        ):
            raise ValueError(f"`{name}` must be a positive integer. Received: {name}={value!r}")


def check_share(**values):
    for name, value in values.items():
        if not (isinstance(value, numbers.Real) and 0 < value < 1):
            raise ValueError(f"`{name}` must be a number between 0 and 1. Received: {name}={value!r}")


def check_choice(name, value, choices):
    if value not in choices:
        raise ValueError(f"`{name}` must be one of {choices}. Received: {name}={value!r}")


def check_channels_last(name):
    """Raise ValueError where Keras is set to channels first; the layers here have them last and no `data_format`."""
    if keras.config.image_data_format() != "channels_last":
        raise ValueError(
            f"{name} takes tensors `(batch, *spatial, channels)` only, but Keras is set to channels_first: call "
            "`keras.config.set_image_data_format('channels_last')` before the model is built, or transpose the input "
            "and set it back afterwards. "
            f"Received: image_data_format={keras.config.image_data_format()!r}"
        )


def checked_spacing(**values):
    """Return the distances of neighbours along the axes as a tuple of floats, or None; the argument is named."""
    [(name, spacing)] = values.items()
    if spacing is None:
        return None
    if not all(isinstance(h, numbers.Real) and math.isfinite(h) and h > 0 for h in spacing):
        raise ValueError(f"`{name}` must be finite numbers > 0. Received: {name}={spacing}")
    return tuple(float(h) for h in spacing)


def reachable(tolerance):
    """Return a tolerance that float32 can reach, with a warning if a smaller one was asked for."""
    if tolerance is None:
        return None
    if not (isinstance(tolerance, numbers.Real) and math.isfinite(tolerance) and tolerance > 0):
        raise ValueError(f"`tolerance` must be a finite number > 0 or None. Received: tolerance={tolerance}")
    if tolerance < LEAST_TOLERANCE:
        warnings.warn(
            f"`tolerance`={tolerance:g} is below what float32 can reach; {LEAST_TOLERANCE:g} is used.",
            # The caller of the constructor, which sets the attribute.
            stacklevel=7,
        )
    return max(float(tolerance), LEAST_TOLERANCE)


def check_values(name, logits, tv_weight, *, may_forbid=False):
    """Raise ValueError for logits or weights that are not finite, where their values are known (eager mode).

    Args:
        name: Of the layer.
        logits: Tensor `(batch, *spatial, classes)`.
        tv_weight: Tensor in place of the layer's own, or None.
        may_forbid: Whether logits of -inf forbid a class at a pixel, as for a softmax, if another one stays.
    """
    if not tf.executing_eagerly():
        return
    finite = tf.math.is_finite(logits)
    forbidden = tf.equal(logits, logits.dtype.as_numpy_dtype(-np.inf))
    bad = int(tf.math.count_nonzero(~(finite | forbidden) if may_forbid else ~finite))
    if bad:
        if not bool(tf.reduce_any(~(finite | forbidden))):
            found, mend = "-inf", "take a large negative number, such as -1e4, in its place"
        else:
            found, mend = "NaN or infinite", "look for a diverged training or an input that is not scaled"
        raise ValueError(
            f"{name} needs finite logits. Received: {bad} {found} of {tf.size(logits)} values; {mend}"
        )
    if may_forbid and bool(tf.reduce_any(tf.reduce_all(forbidden, -1))):
        raise ValueError(
            f"{name} takes logits of -inf for classes that are forbidden at a pixel, but one class must stay finite. "
            f"Received: -inf for every class at {int(tf.math.count_nonzero(tf.reduce_all(forbidden, -1)))} pixels"
        )
    if tv_weight is not None and not bool(tf.reduce_all((tv_weight >= 0) & tf.math.is_finite(tv_weight))):
        raise ValueError(
            f"`tv_weight` must be finite and >= 0 everywhere. Received: smallest {tf.reduce_min(tv_weight)}, "
            f"largest {tf.reduce_max(tv_weight)}"
        )


def check_places(name, logits, tv_weight):
    """Raise ValueError for logits without a place, or weights whose shape is not one of the logits, if known.

    Args:
        name: Of the layer.
        logits: Tensor `(batch, *spatial, classes)`.
        tv_weight: Tensor in place of the layer's own, or None.
    """
    if 0 in logits.shape[1:]:
        raise ValueError(
            f"{name} needs at least one pixel along every spatial axis. Received: logits.shape={tuple(logits.shape)}"
        )
    if tv_weight is None:
        return
    shape = (
        tf.TensorShape(tv_weight.shape)
        if hasattr(tv_weight, "shape")
        else tf.convert_to_tensor(tv_weight).shape
    )
    if shape.rank is None:
        return
    # A map for all images of a batch may go without the batch.
    fits = shape.rank in (0, 1, logits.shape.rank - 1, logits.shape.rank)
    ends = zip(reversed(shape.as_list()), reversed(logits.shape.as_list()), strict=False)
    if not fits or any(one not in (1, None, other) and other is not None for one, other in ends):
        raise ValueError(
            "`tv_weight` must be a number, one for each class, or a map (batch, *spatial, 1 or classes) of the size of "
            f"the logits. Received: tv_weight.shape={tuple(shape)}, logits.shape={tuple(logits.shape)}"
        )


def check_float(name, logits):
    """Raise ValueError for logits of whole numbers or complex ones, tensors or symbolic."""
    dtype = tf.as_dtype(logits.dtype)
    if not dtype.is_floating and (dtype.is_complex or dtype.size >= 4):
        raise ValueError(
            f"{name} needs logits of real numbers. Received: dtype={dtype.name}; cast them to float32 first"
        )


# The range of a guide, in units of `edge_contrast`, beyond which its edges are everywhere: one in [0, 1] has 10 by
# default, a standardised one hardly 100, and one from 0 to 255 has 2550.
_LARGEST_RANGE = 200


def check_guide(guide, edge_contrast):
    """Warn of a guide whose numbers are so large that its noise alone is edges, which switches the regularisation off.

    Where values are not known, in a graph, whole numbers alone give it away.

    Args:
        guide: Tensor `(batch, *spatial, channels)`.
        edge_contrast: Difference of neighbours in it that counts as an edge.

    Raises:
        ValueError: For NaN or infinite values, where they are known.
    """
    if (
        guide.dtype.is_floating
        and tf.executing_eagerly()
        and not bool(tf.reduce_all(tf.math.is_finite(guide)))
    ):
        raise ValueError(
            "`guide` must be finite. Received: NaN or infinite values; fill the pixels that were not measured"
        )
    found = "" if guide.dtype.is_floating or edge_contrast >= 1 else f"whole numbers ({guide.dtype.name})"
    if not found and tf.executing_eagerly() and tf.size(guide) > 0:
        values = tf.cast(guide, tf.float64)
        low, high = float(tf.reduce_min(values)), float(tf.reduce_max(values))
        found = f"numbers from {low:g} to {high:g}" if high - low > _LARGEST_RANGE * edge_contrast else ""
    if found:
        warnings.warn(
            f"`guide` has {found} with edge_contrast={edge_contrast:g}, so that nearly every pixel is an edge and "
            "hardly anything is regularised: give an image in [0, 1], or an `edge_contrast` in the units of this one.",
            stacklevel=4,
        )


def inverse_softplus(value):
    """Return x with softplus(x) = value > 0: log(exp(v) - 1) without losing digits at either end."""
    return value + math.log(-math.expm1(-value))


def at_least_float32(tensor):
    """Return the tensor, cast to float32 if it is of half precision."""
    tensor = tf.convert_to_tensor(tensor)
    return tf.cast(tensor, tf.float32) if tensor.dtype.size < 4 else tensor
