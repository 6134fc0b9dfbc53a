"""What a model takes for white, as its input and its first layers declare it."""

import warnings
from typing import NamedTuple

import numpy as np

from tfapp.errors import InputError
from tfapp.layers.tv.attach import inputs_of
from tfapp.models.first_steps import NORMALISING, first_steps

# White of images as floats, 8-bit and 16-bit numbers.
WHITES = (1.0, 255.0, 65535.0)
_OF_INTEGERS = {"uint8": 255.0, "uint16": 65535.0}
# White less black behind the first layers: [0, 1], [-1, 1], or some standard deviations of natural images, about 4.4.
_LEAST_RANGE, _LARGEST_RANGE = 0.4, 8.0
# No network divides an image in [0, 1] by 100.
_DIVIDES = 0.01


class DeclaredScale(NamedTuple):
    """What a model says of its images.

    Attributes:
        white: Its value for white, or None where the model says that images are scaled, but not from which range.
        reason: What says it, such as "its input is uint8".
    """

    white: float | None
    reason: str


def declared_scale(model):
    """Return what a model declares of the range of its images, or None if it declares nothing.

    The type of its input decides, `uint8` or `uint16`; else its first layers or operations, as far as they only scale
    and shift: `Rescaling`, `Normalization`, arithmetic with constants, a `BatchNormalization` whose statistics no image
    in [0, 1] has, a convolution that divides each value, also those of a model inside the model. Augmentation, flips,
    paddings and the like are passed over. What they turn into numbers of about [0, 1], [-1, 1] or a few standard
    deviations is the range. Where another layer comes first, and then one that divides by 100 or more, the range is
    not plain.

    Args:
        model: Functional Keras model, or `Sequential`, of one image.

    Returns:
        `DeclaredScale` or None.
    """
    dtype = inputs_of(model).dtype
    if dtype in _OF_INTEGERS:
        return DeclaredScale(_OF_INTEGERS[dtype], f"its input is {dtype}")
    steps = first_steps(model)
    known = {
        _white(step): step for step in steps if not step.behind and (step.changes() or step.top in WHITES)
    }
    if len(known) == 1:
        white, step = next(iter(known.items()))
        return DeclaredScale(
            white, f"{step.layers} come first" if "," in step.layers else f"{step.layers} comes first"
        )
    if known:
        return DeclaredScale(None, "its branches scale the image differently")
    unclear = next((step for step in steps if step.behind and step.changes() and _is_for_large(step)), None)
    if unclear:
        return DeclaredScale(
            None, f"{unclear.behind}, whose range is not known, comes before {unclear.layers}"
        )
    return DeclaredScale(None, f"its input is {dtype}") if "int" in dtype else None


def chosen_scale(model, source, given=None):
    """Return the value of white that a model gets, and a sentence that tells why.

    Args:
        model: Functional Keras model, or `Sequential`, of one image.
        source: Path of the model, for messages.
        given: What its user said, or None to go by the model. A number that contradicts the model is taken, with a
            warning.

    Raises:
        InputError: If nobody says it: the model scales its images from a range that is not plain.
    """
    declared = declared_scale(model)
    if given is not None:
        if declared and declared.white not in (None, given):
            warnings.warn(
                f"{source} seems to take {declared.white:g} for white ({declared.reason}); `input_scale` {given:g} "
                "is used, as it was said.",
                stacklevel=3,
            )
        return float(given), "as it was said"
    if declared is None:
        return 1.0, _guessed(model)
    if declared.white is None:
        raise InputError(
            f"{source} does not tell which value it takes for white ({declared.reason}); say it by `input_scale`: "
            "`input_scale` 1 if it takes images in [0, 1], `input_scale` 255 if it takes them in 0..255."
        )
    return declared.white, declared.reason


def _is_for_large(step):
    """Return whether a step only makes sense for images of larger values than those in [0, 1]."""
    return _white(step) in WHITES[1:] or bool(np.all(np.abs(step.scale) <= _DIVIDES))


def _guessed(model):
    hidden = [step.next.name for step in first_steps(model) if type(step.next).__name__ in NORMALISING]
    if hidden:
        return f"a guess, as {hidden[0]} comes first, which takes images of any range"
    return "a guess, as the model declares no range"


def _white(step):
    if not step.changes():
        return step.top
    scale, offset = np.asarray(step.scale, float), np.asarray(step.offset, float)
    if not (np.isfinite(scale).all() and np.isfinite(offset).all() and (scale != 0).all()):
        return None
    # A mean that is taken off lies inside the range.
    centre, scale = float(np.mean(-offset / scale)), float(np.mean(np.abs(scale)))
    if centre > 2.0:
        return next((white for white in WHITES[1:] if centre <= white), None)
    if scale >= 1.0:
        return 1.0
    ranges = {white: scale * white for white in WHITES}
    return next((white for white in WHITES if _LEAST_RANGE <= ranges[white] <= _LARGEST_RANGE), None)
