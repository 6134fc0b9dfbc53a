"""Whether a gradient is that of its loss: rises of the loss beside those that its gradient tells.

Differentiation trusts every operation with a gradient of its own: a reversed gradient, a straight-through one, or one
that leaves a factor out. Training may want just that; what is measured by derivatives is then not of the loss. Along a
line, with |d| = 1,

    f(y + t d) - f(y + s d) = the integral of g(y + u d)'d over u from s to t.

Losses of networks have kinks and poles, which few points do not resolve; therefore a short line is cut into pieces, and
most of those that tell anything must agree.
"""

import warnings

import keras
import numpy as np
import tensorflow as tf

from tfapp.landscape.flatness.derivatives import flatten

# Lengths of the line: by the share of the loss that it should change by, and at most so large a share of the norm of
# all weights. The first at which most pieces tell something decides.
LENGTHS, LONGEST = (6e-2, 6e-3, 6e-4, 1e-4), 5e-3
PIECES = 6
# As a share of the slope. TV layers without their Jacobian were measured at .15 to .9.
TOLERANCE = 0.1
# How far beside the solution it is looked, as a share of the root mean square of each variable: at a minimum the
# gradient is 0, whatever it is a gradient of.
BESIDE, LEAST = 0.03, 0.01
# Rounding of one number by the type that layers compute in, as a share of it; that of a loss was measured below it.
ROUNDING = {"bfloat16": 2**-7, "float16": 2**-10, "float32": 2**-23, "float64": 2**-52}


def warn_of_gradient(model: keras.Model, value_and_gradient, what: str) -> None:
    """Warn if the gradient of a loss is not that of the loss.

    Args:
        model: the model, whose variables tell the scale of steps.
        value_and_gradient: what `make_gradient` returns for it.
        what: is measured by the gradient, for the sentence, such as "The Hessian".
    """
    weights = model.trainable_variables
    place = _beside(weights)

    def at(displacement):
        return (found.numpy() for found in value_and_gradient(tf.constant(displacement)))

    loss, gradient = at(place)
    if not (np.isfinite(loss) and np.isfinite(gradient).all()):
        return
    longest = LONGEST * np.linalg.norm(flatten(weights) + place)
    # A loss that is drawn at random differs from itself.
    noise = abs(next(at(place)) - loss) + 2 * _rounding(model) * abs(loss)
    for direction in _directions(gradient, weights):
        slope = float(gradient @ direction)
        lengths = [min(share * abs(loss) / slope, longest) if slope else share * longest for share in LENGTHS]
        found = _difference(at, place, direction, lengths, noise)
        if found is not None:
            _warn(model, what, *found)
            return


def _difference(at, place, direction, lengths, noise):
    """Return the slopes along a line, told by the gradient and found, if most pieces of it differ; else None."""
    for length in lengths:
        steps = np.linspace(0, length, PIECES + 1)
        values, gradients = zip(*(at(place + step * direction) for step in steps), strict=True)
        agree, differ, *slopes = _compared(np.array(values), np.array(gradients) @ direction, steps, noise)
        if differ > PIECES / 2:
            return slopes
        if agree > PIECES / 2:
            return None
    return None


def _compared(values, slopes, steps, noise):
    """Return how many pieces agree and differ, and the median slopes of those that differ: told, and found."""
    widths = np.diff(steps)
    told = (slopes[1:] + slopes[:-1]) / 2
    found = np.diff(values) / widths
    allowed = TOLERANCE * np.maximum(np.abs(told), np.abs(found))
    # Slopes that change within a piece, and rounding.
    doubt = np.abs(np.diff(slopes)) / 2 + noise / widths
    differ = np.abs(found - told) > allowed + doubt
    agree = ~differ & ((doubt <= 2 * allowed) | (told == 0))
    return (
        agree.sum(),
        differ.sum(),
        *(np.median(kind[differ]) if differ.any() else 0.0 for kind in (told, found)),
    )


def _warn(model, what, told, found):
    warnings.warn(
        f"{what} is measured by gradients, and that of {model.name!r} is not the gradient of its loss: in a direction "
        f"where it tells a slope of {told:.3g}, the slope of the loss is {found:.3g}. Some operation has a gradient of "
        "its own (reversed, straight-through, one that leaves something out) or steps (rounding, unpooling by "
        "indices). What is measured is of that gradient, not of the loss.",
        stacklevel=4,
    )


def _directions(gradient, weights):
    """Yield directions of length 1.

    The first is up the gradient, and up it by the same share of every variable; the second moves the variables
    whose gradient is 0, along which the loss should not change.
    """
    sizes = [int(np.prod(tuple(variable.shape))) for variable in weights]
    parts = np.split(gradient, np.cumsum(sizes)[:-1])
    lengths = [np.linalg.norm(variable.numpy()) or LEAST for variable in weights]
    if gradient.any():
        even = np.concatenate(
            [
                length / (np.linalg.norm(part) or 1.0) * part
                for length, part in zip(lengths, parts, strict=True)
            ]
        )
        direction = gradient / np.linalg.norm(gradient) + even / np.linalg.norm(even)
        yield direction / np.linalg.norm(direction)
    generator = np.random.default_rng(0)
    still = [
        np.zeros_like(part)
        if part.any()
        else length * generator.standard_normal(len(part)) / np.sqrt(len(part))
        for length, part in zip(lengths, parts, strict=True)
    ]
    direction = np.concatenate(still)
    if direction.any():
        yield direction / np.linalg.norm(direction)


def _beside(weights):
    generator = np.random.default_rng(0)
    steps = []
    for variable in weights:
        value = variable.numpy().astype(np.float64)
        size = max(np.sqrt(np.mean(np.square(value))) if value.size else 0.0, LEAST)
        steps.append(BESIDE * size * generator.standard_normal(value.shape))
    return flatten(steps)


def _rounding(model):
    """Return the largest rounding of a number in the layers, as a share of it."""
    types = {layer.compute_dtype for layer in model._flatten_layers()}
    return max(ROUNDING.get(name, 0.0) for name in types)
