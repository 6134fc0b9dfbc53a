"""Shares of the pixels that classes must take: their bounds, and the prices that make an output keep them."""

import numpy as np
import tensorflow as tf

from tfapp.layers.tv.dual import Shares

POTENTIALS_WITH_SHARES = ("softmax", "sigmoid")
_NEWTON_STEPS = 20
_LARGEST_STEP = 1.0  # in units of the logits: within it the curvature changes by less than a factor of e
# A share is kept when it is missed by no more than this times the square root of the type's rounding.
_ROUNDINGS = 0.1


def as_shares(volumes, logits):
    """Return `Shares` of what a caller gave.

    Args:
        volumes: Shares of the classes, (classes,) or (batch, classes), numbers in [0, 1], or a pair of such: the least
            and the largest ones. None in a pair bounds nothing.
        logits: Tensor (batch, *spatial, classes).

    Raises:
        ValueError: They have another shape, or cannot be met; known values only.
    """
    least, most = volumes if _is_pair(volumes) else (volumes, volumes)
    if least is None and most is None:
        raise ValueError("`volumes` must bound something. Received: volumes=(None, None)")
    classes, rank = logits.shape[-1], logits.shape.rank
    tensors = []
    for bound, default in ((least, 0.0), (most, 1.0)):
        bound = default if bound is None else bound
        bound = (
            tf.convert_to_tensor(bound, logits.dtype)
            if not tf.is_tensor(bound)
            else tf.cast(bound, logits.dtype)
        )
        if bound.shape.rank == 0:
            bound = tf.fill([classes], bound)
        if bound.shape.rank not in (1, 2) or bound.shape[-1] not in (None, classes):
            raise ValueError(
                f"`volumes` must have one share for each of the {classes} classes, ({classes},) or (batch, {classes}), "
                f"or be a pair of such, (least, largest). Received: shape {tuple(bound.shape)}"
            )
        bound = tf.broadcast_to(bound, [tf.shape(logits)[0], classes])
        tensors.append(tf.reshape(tf.transpose(bound), [classes, -1] + [1] * (rank - 2)))
    if tf.executing_eagerly():
        return Shares(*tensors)
    # No value is known in a graph, where impossible ones would give some other answer without a word.
    least, most = tensors
    possible = (least >= 0) & (most <= 1) & (least <= most)
    nan = tf.constant(np.nan, least.dtype)
    return Shares(tf.where(possible, least, nan), tf.where(possible, most, nan))


def checked_volumes(volumes):
    """Return shares that a configuration can hold: None, a tuple of numbers, or a pair of tuples or None.

    Raises:
        ValueError: They are something else.
    """
    if volumes is None:
        return None
    try:
        if _is_pair(volumes):
            pair = tuple(None if bound is None else tuple(map(float, bound)) for bound in volumes)
            if pair != (None, None):
                return pair
        else:
            return tuple(map(float, volumes))
    except (TypeError, ValueError):
        pass
    raise ValueError(
        "`volumes` must be a list of one share for each class, or a pair of such lists, (least, largest), one of "
        f"which may be None. Received: volumes={volumes!r}"
    )


def check_shares(shares, potential):
    """Raise ValueError for shares that no output can have, where their values are known (eager mode)."""
    if potential not in POTENTIALS_WITH_SHARES:
        raise ValueError(
            f"`volumes` are shares of classes, for {' and '.join(POTENTIALS_WITH_SHARES)}. Received: "
            f"potential={potential!r}"
        )
    if not tf.executing_eagerly():
        return
    least, most = (bound.numpy().reshape(bound.shape[0], -1).T.astype(np.float64) for bound in shares)
    if not (np.isfinite(least).all() and np.isfinite(most).all()):
        raise ValueError("`volumes` must be finite.")
    if (
        (least < 0).any()
        or (most > 1).any()
        or (least > most).any()
        or (most <= 0).any()
        or (least >= 1).any()
    ):
        raise ValueError(
            "`volumes` must be shares of the pixels: 0 <= least <= largest <= 1, the largest above 0 and the least "
            "below 1 (a logit of -inf forbids a class). "
            f"Received: least {_told(least)}, largest {_told(most)}"
        )
    if potential == "softmax":
        low, high = least.sum(1), most.sum(1)
        if (low > 1 + 1e-4).any() or (high < 1 - 1e-4).any():
            raise ValueError(
                "`volumes` cannot be met: the shares of all classes sum to 1, so that the least must sum to at most 1 "
                f"and the largest to at least 1. Received: sums {_told(low)} and {_told(high)}"
            )


def settled(dual, field):
    """Return a field whose prices make the output keep the shares, by Newton's method on the prices alone."""
    if dual.shares is None:
        return field
    *lengths, price = field
    # Among the prices nothing else moves, so that the lengths' part of the logits is computed once.
    fixed = dual.o + dual.operator.adjoint(tuple(lengths))
    least, most = dual.shares
    goal = _ROUNDINGS * np.finfo(dual.o.dtype.as_numpy_dtype).eps ** 0.5

    def missed(price, share):
        """Return which bound holds each class, and by how much it is missed."""
        equal = least == most
        low, high = equal | (price > 0) | (share < least), (price < 0) | (share > most)
        target = tf.where(low, least, tf.where(high, most, share))
        return low | high, target - share

    def unfinished(count, _, worst):
        return (count < _NEWTON_STEPS) & (worst > goal)

    def step(count, price, _):
        a = dual.phi.gradient(fixed + dual.price_scale * price)
        share = _means(a)
        active, rest = missed(price, share)
        change = _newton_step(dual.phi.name, a, share, active, rest) / dual.price_scale
        moved = price + change
        # A price that would turn its sign lets its bound go.
        moved = tf.where(least == most, moved, tf.where(price * moved < 0, tf.zeros_like(moved), moved))
        _, left = missed(moved, _means(dual.phi.gradient(fixed + dual.price_scale * moved)))
        left = tf.where(tf.math.is_finite(left), left, tf.zeros_like(left))
        return count + 1, moved, tf.reduce_max(tf.abs(left))

    start = (tf.constant(0), price, tf.constant(np.inf, price.dtype))
    _, price, _ = tf.while_loop(unfinished, step, start, parallel_iterations=1)
    return (*lengths, price)


def _newton_step(potential, a, share, active, rest):
    """Return the change of the classes' offsets to the logits that Newton's method takes, planes like `share`."""
    rows = _rows(a)  # (batch, classes, pixels)
    pixels = tf.cast(tf.shape(rows)[-1], a.dtype)
    means = tf.transpose(tf.reshape(share, [share.shape[0], -1]))
    products = tf.matmul(rows, rows, transpose_b=True) / pixels
    if potential == "sigmoid":
        products = tf.linalg.diag(tf.linalg.diag_part(products))
    matrix = tf.linalg.diag(means) - products
    chosen = tf.cast(tf.transpose(tf.reshape(active, [active.shape[0], -1])), a.dtype)
    both = chosen[:, :, None] * chosen[:, None, :]
    # The softmax does not feel what is added to all classes: without a ridge the matrix would be singular.
    diagonal = tf.linalg.diag_part(matrix)
    ridge = 1e-5 * tf.reduce_max(diagonal, axis=-1, keepdims=True) + 1e-12
    matrix = both * matrix + tf.linalg.diag(chosen * ridge + (1 - chosen))
    # A sample of NaN has none of its own to be solved: the solver refuses what it cannot invert.
    known = tf.reduce_all(tf.math.is_finite(matrix), axis=[1, 2], keepdims=True)
    matrix = tf.where(known, matrix, tf.eye(tf.shape(matrix)[-1], dtype=a.dtype))
    right = chosen * tf.transpose(tf.reshape(rest, [rest.shape[0], -1]))
    change = tf.linalg.solve(matrix, right[..., None])[..., 0]
    largest = tf.reduce_max(tf.abs(change), axis=-1, keepdims=True)
    change *= tf.minimum(_LARGEST_STEP / tf.maximum(largest, 1e-12), 1.0)
    return tf.reshape(tf.transpose(change), tf.shape(share))


def _means(a):
    return tf.reduce_mean(a, axis=list(range(2, a.shape.rank)), keepdims=True)


def _rows(a):
    return tf.transpose(tf.reshape(a, [a.shape[0], tf.shape(a)[1], -1]), [1, 0, 2])


def _is_pair(volumes):
    """Return whether these are bounds, (least, largest), and not the shares of two classes."""
    is_sequence = isinstance(volumes, (tuple, list)) and len(volumes) == 2
    return is_sequence and all(bound is None or _rank(bound) > 0 for bound in volumes)


def _rank(bound):
    return bound.shape.rank if tf.is_tensor(bound) else np.ndim(bound)


def _told(numbers):
    return np.array2string(np.asarray(numbers), precision=4, threshold=12, separator=", ")
