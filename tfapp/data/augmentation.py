"""Augmentation of training images: how it is named, what is drawn for each image, changes of brightness and colour.

Symmetries, scale and place change an image and its target alike; brightness, contrast and colour the image alone.
"""

import re
from dataclasses import dataclass

import tensorflow as tf

from tfapp.errors import InputError

# Symmetries; of them an augmentation has one.
AUGMENTATIONS = ("none", "mirror", "flips", "dihedral")
# What may be written beside the symmetry, and what it is without a value. Those of brightness, contrast and colour are
# what libraries of segmentation call photometric distortion: 32 of 256 levels of brightness, half to one and a half
# times the contrast and the saturation, 18 of 360 degrees of hue.
_DEFAULTS = {"scale": (0.5, 2.0), "brightness": 0.125, "contrast": (0.5, 1.5), "colour": 0.5}
_LEAST_FACTOR, _LARGEST_FACTOR = 0.1, 10.0
# Share of the circle that the hue may turn for a `colour` of 1.
HUE = 0.1
_NUMBER = r"([0-9]{1,3}(?:\.[0-9]+)?|\.[0-9]+)"
# Keeps these draws apart from that of the symmetry, which has the seed as it is.
_FOLD = 0xC409


@dataclass(frozen=True)
class Augmentation:
    """Changes of a training image, drawn anew for each image in each pass.

    Attributes:
        symmetry: One of `AUGMENTATIONS`: `mirror` (left and right, for scenes with the sky above), `flips` (two axes),
            `dihedral` (flips and quarter turns, eight-fold) or `none`.
        scale: Range of the factor of an image's sides, before a crop is cut out of it, or None.
        brightness: Largest number that is added to all values or taken from them.
        contrast: Range of the factor of the values' distance from their mean in each channel, or None.
        colour: Largest change of the factor of the saturation, 1; a tenth of it of the hue, as a share of its circle.
    """

    symmetry: str = "none"
    scale: tuple[float, float] | None = None
    brightness: float = 0.0
    contrast: tuple[float, float] | None = None
    colour: float = 0.0

    def __str__(self):
        """Return it as `parse_augmentation` reads it, with every value."""
        values = {name: getattr(self, name) for name in _DEFAULTS}
        return ",".join(
            [self.symmetry, *(f"{name}={_text(value)}" for name, value in values.items() if value)]
        )

    @property
    def changes_values(self):
        """Whether it changes brightness, contrast or colour."""
        return bool(self.brightness or self.contrast or self.colour)


def parse_augmentation(text, symmetries=AUGMENTATIONS):
    """Turn a list with commas, such as `flips,scale=0.5-2,brightness=0.1`, into an `Augmentation`.

    Args:
        text: At most one symmetry, and any of `scale=LOW-HIGH`, `brightness=AMOUNT`, `contrast=LOW-HIGH`, and
            `colour=AMOUNT`, each with a default without its value.
        symmetries: Names that the symmetry may have.

    Raises:
        InputError: For an unknown name, one that stands twice, or a value that is none or out of range.
    """
    found = {}
    for part in text.split(","):
        name, equals, value = part.strip().partition("=")
        if name not in (*symmetries, *_DEFAULTS):
            known = ", ".join((*symmetries, *_DEFAULTS))
            raise InputError(
                f"Unknown augment {part.strip()!r}; choose one of: {known}, or several with commas."
            )
        kind = name if name in _DEFAULTS else "symmetry"
        if kind in found:
            raise InputError(
                f"`augment` has one of {', '.join(symmetries)}, and each other name once; got {text}."
            )
        if kind == "symmetry":
            if equals:
                raise InputError(f"`augment` {name} has no value; got {part.strip()}.")
            found[kind] = name
        else:
            found[kind] = _value(name, value) if equals else _DEFAULTS[name]
    return Augmentation(**found)


def _value(name, text):
    if isinstance(_DEFAULTS[name], float):
        match = re.fullmatch(_NUMBER, text)
        # To a millionth, so that it reads the same when it is written again.
        amount = round(float(text), 6) if match else 0.0
        if not 0 < amount <= 1:
            raise InputError(
                f"`augment` {name} must be a number above 0 and at most 1, such as {name}={_text(_DEFAULTS[name])}; "
                f"got {name}={text}."
            )
        return amount
    match = re.fullmatch(f"{_NUMBER}-{_NUMBER}", text)
    low, high = (round(float(one), 6) for one in match.groups()) if match else (0.0, 0.0)
    if not _LEAST_FACTOR <= low <= high <= _LARGEST_FACTOR:
        raise InputError(
            f"`augment` {name} must be two factors from {_LEAST_FACTOR:g} to {_LARGEST_FACTOR:g}, the smaller one "
            f"first, such as {name}={_text(_DEFAULTS[name])}; got {name}={text}."
        )
    return low, high


def _text(value):
    if isinstance(value, tuple):
        return "-".join(map(_text, value))
    return f"{value:.6f}".rstrip("0").rstrip(".")


def draw_symmetry(symmetry, seed):
    """Return whether to mirror and to flip, and the quarter turns, of the frame of this seed, int32 (3,)."""
    if symmetry == "none":
        return tf.zeros([3], tf.int32)
    mirror, flip, turns = tf.unstack(tf.random.stateless_uniform([3], seed, 0, 4, tf.int32))
    return tf.stack(
        [mirror % 2, flip % 2 if symmetry != "mirror" else 0, turns if symmetry == "dihedral" else 0]
    )


def draw_changes(augmentation, seed):
    """Return what is drawn for the frame of this seed, beside its symmetry.

    Every number has its own place in what is drawn, so that a crop stays where it is if another change is added.

    Args:
        augmentation: `Augmentation`.
        seed: Two integers.

    Returns:
        place: float32 (3,), as `tfapp.data.cropping.Place`.
        values: float32 (4,): what is added, and the factors of contrast and of saturation, and the turn of the hue.
    """
    drawn = tf.random.stateless_uniform([7], tf.random.experimental.stateless_fold_in(seed, _FOLD))
    colour = augmentation.colour
    ranges = [
        (0.0, 1.0),
        (0.0, 1.0),
        augmentation.scale or (1.0, 1.0),
        (-augmentation.brightness, augmentation.brightness),
        augmentation.contrast or (1.0, 1.0),
        (1 - colour, 1 + colour),
        (-HUE * colour, HUE * colour),
    ]
    low, high = (tf.constant(bounds, tf.float32) for bounds in zip(*ranges, strict=True))
    numbers = low + (high - low) * drawn
    return numbers[:3], numbers[3:]


def change_values(augmentation, image, values):
    """Return an image with its brightness, contrast and colour changed, in this order, clipped to [0, 1] after each.

    Args:
        augmentation: `Augmentation`, which says what is changed at all.
        image: float32 tensor (height, width, channels) in [0, 1]; 3 channels if the colour is changed.
        values: As of `draw_changes`.
    """
    added, contrast, saturation, hue = tf.unstack(values)
    if augmentation.brightness:
        image = _clipped(tf.image.adjust_brightness(image, added))
    if augmentation.contrast:
        image = _clipped(tf.image.adjust_contrast(image, contrast))
    if augmentation.colour:
        image = _clipped(tf.image.adjust_hue(tf.image.adjust_saturation(image, saturation), hue))
    return image


def _clipped(image):
    return tf.clip_by_value(image, 0.0, 1.0)
