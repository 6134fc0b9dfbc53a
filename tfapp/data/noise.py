"""Noise and other corruptions of the network's input, for robustness tests and noisy training sets."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy import ndimage

from tfapp.errors import InputError

PRESETS = {
    "paper": (
        "gaussian=0,0.01,0.03,0.05,0.07,0.09",
        "pepper=0.01",
        "salt=0.01",
    ),
    "robustness": (
        "gaussian=0.08,0.18,0.38",
        "salt=0.03,0.09,0.27",
        "pepper=0.03,0.09,0.27",
        "salt-and-pepper=0.03,0.09,0.27",
        "blur=1,3,6",
        "jpeg=25,15,7",
        "brightness=-0.5,-0.3,-0.1,0.1,0.3,0.5",
    ),
}


@dataclass(frozen=True)
class Noise:
    """One row of a noise table: a kind of corruption and its amount.

    | kind | amount |
    | --- | --- |
    | `gaussian` | standard deviation in units of the image's range, 0 to 1 |
    | `salt`, `pepper`, `salt-and-pepper` | share of the pixels, 0 to 1; all their channels become 1, 0, or half each |
    | `blur` | standard deviation of a Gaussian blur in pixels, 0 to 100; edges are repeated |
    | `jpeg` | quality of JPEG compression, whole, 1 to 100, the smaller the worse (100 still rounds to 8 bits) |
    | `brightness` | offset added to every channel, -1 to 1 |

    The amount 0 is the clean image; it is no JPEG quality. Results are clipped to [0, 1].

    Attributes:
        kind: One of `KINDS`.
        amount: As in the table.
    """

    kind: str
    amount: float

    @property
    def label(self):
        return "clean" if self.amount == 0 else f"{self.kind} {self.amount:g}"

    def add(self, image, seed, index):
        """Return the corrupted image, float32 in [0, 1]; what is random depends on (seed, index, kind) only.

        The same field is scaled for every amount, so that rows of a table differ by amount alone.

        Args:
            image: float32 (height, width, channels) in [0, 1], 1 or 3 channels.
            seed: Non-negative integer.
            index: Non-negative integer, the image's position.
        """
        if self.amount == 0:
            return image
        rng = np.random.default_rng([seed, index, KINDS.index(self.kind)])
        return _KINDS[self.kind].add(image, self.amount, rng)


def parse_noises(texts):
    """Turn `gaussian=0,0.01,0.05`, the name of a preset, and the like into a list of `Noise`, clean first.

    Presets: `paper` has the columns of F. Jia, J. Liu, X.-C. Tai, 2019, tables 1 to 6. `robustness` has three levels of
    every kind, those of severity 1, 3 and 5 of D. Hendrycks, T. Dietterich, "Benchmarking Neural Network Robustness
    to Common Corruptions and Perturbations", ICLR 2019, where their corruption is a little different: their
    impulses fall on single channels, and their brightness is only raised, and in HSV.

    Raises:
        InputError: For an unknown kind, or an amount that is not a number in the kind's range.
    """
    noises = [Noise("gaussian", 0.0)]
    for text in (line for given in texts for line in PRESETS.get(given, (given,))):
        if "|" in text:
            raise InputError(
                f"{text!r} is a mix of noises, of which a training image has one; here every noise stands by itself, "
                f"such as {text.partition('|')[0]!r}."
            )
        kind, _, amounts = text.partition("=")
        if kind not in KINDS or not amounts:
            raise InputError(
                f"Unknown noise {text!r}; expected KIND=AMOUNT[,AMOUNT...] with KIND one of: {', '.join(KINDS)}; "
                f"or one of the presets: {', '.join(PRESETS)}."
            )
        if not _KINDS[kind].whole and re.search(r"(^|,)0,[0-9]+(,|$)", amounts):
            raise InputError(
                f"{text!r} has the amounts 0 and a whole number, or a decimal comma: decimals have a point, such as "
                "0.1; the amount 0 is left out, as clean images are measured anyway."
            )
        for amount in amounts.split(","):
            noise = Noise(kind, _amount(kind, amount))
            if noise.amount != 0 and noise not in noises:
                noises.append(noise)
    return noises


def parse_noise(text):
    """Turn `KIND=AMOUNT` into one `Noise`.

    Raises:
        InputError: As `parse_noises`, and for several amounts, also if all but one are 0, or none but 0.
    """
    if "," in text:
        raise InputError(
            f"{text!r} is not one noise; expected KIND=AMOUNT, such as gaussian=0.05: decimals have a point, and "
            "there is one amount."
        )
    _, *noises = parse_noises([text])
    if len(noises) != 1:
        raise InputError(f"{text!r} is not one noise; expected KIND=AMOUNT, such as gaussian=0.05.")
    return noises[0]


def parse_mix(text):
    """Turn `KIND=AMOUNT`, or several such joined by `|`, into a tuple of `Noise`; an image gets one of them at random.

    Raises:
        InputError: As `parse_noise`; for a part that is empty, or one that comes twice.
    """
    parts = [part.strip() for part in text.split("|")]
    if len(parts) == 1 and re.search(r",[^=|]*[a-z][^=|]*=", text):
        raise InputError(
            f"{text!r} is not one noise; noises of which each image gets one at random are joined by |, such as "
            f"{MIX_EXAMPLE!r} (in quotes: to a shell, | means something else)."
        )
    if len(parts) > 1 and not all(parts):
        raise InputError(
            f"{text!r} is not a mix of noises: a part is empty; expected KIND=AMOUNT|KIND=AMOUNT, such as "
            f"{MIX_EXAMPLE!r}."
        )
    noises = tuple(map(parse_noise, parts))
    if len(set(noises)) != len(noises):
        raise InputError(
            f"{text!r} names a noise twice; each has the same chance, so name every one once, such as {MIX_EXAMPLE!r}."
        )
    return noises


def _amount(kind, text):
    form = _KINDS[kind]
    if re.match(r"[+-]?0[0-9]", text):
        raise InputError(
            f"{text!r} is not an amount of {kind}: decimals have a point, such as 0.01, not a comma."
        )
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not form.lowest <= value <= form.highest or (form.whole and value % 1):
        number = "a whole number" if form.whole else "a number"
        raise InputError(
            f"{text!r} is not an amount of {kind}; expected {form.meaning}, {number} from {form.lowest} to "
            f"{form.highest}."
        )
    return value


def _gaussian(image, amount, rng):
    field = rng.standard_normal(image.shape, dtype=np.float32)
    return np.clip(image + np.float32(amount) * field, 0, 1)


def _impulses(image, amount, rng, salt_share):
    draw = rng.random(image.shape[:2])
    noisy = image.copy()
    noisy[draw < amount] = 0
    noisy[draw < salt_share * amount] = 1
    return noisy


def _blur(image, amount, rng):
    del rng
    return ndimage.gaussian_filter(image, (amount, amount, 0), mode="nearest")


def _jpeg(image, amount, rng):
    del rng
    pixels = np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)
    file = BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(
        file, "JPEG", quality=int(amount)
    )
    decoded = np.asarray(Image.open(file), np.float32) / np.float32(255)
    return decoded.reshape(image.shape)


def _brightness(image, amount, rng):
    del rng
    return np.clip(image + np.float32(amount), 0, 1)


class _Kind(NamedTuple):
    add: Callable[[np.ndarray, float, np.random.Generator], np.ndarray]
    meaning: str
    lowest: int
    highest: int
    whole: bool = False


# The place in this table seeds the noise: new kinds go to the end.
_KINDS = {
    "gaussian": _Kind(_gaussian, "a standard deviation", 0, 1),
    "salt": _Kind(partial(_impulses, salt_share=1.0), "a share of the pixels", 0, 1),
    "pepper": _Kind(partial(_impulses, salt_share=0.0), "a share of the pixels", 0, 1),
    "salt-and-pepper": _Kind(partial(_impulses, salt_share=0.5), "a share of the pixels", 0, 1),
    "blur": _Kind(_blur, "a standard deviation in pixels", 0, 100),
    "jpeg": _Kind(_jpeg, "a quality", 1, 100, whole=True),
    "brightness": _Kind(_brightness, "an offset", -1, 1),
}
KINDS = tuple(_KINDS)


DEFAULT_SHARE = 1 / 3
MIX_EXAMPLE = "gaussian=0.05|salt-and-pepper=0.01"


class NoisySet:
    """Noise on a random share of the images of a set, always the same images with the same noise.

    F. Jia, J. Liu, X.-C. Tai, "A regularized convolutional neural network for semantic image segmentation", 2019, train
    on such sets: each of 20 of 60 cells, 90 of 367 road scenes, 1,000 of 5,285 rooms has Gaussian noise or salt and
    pepper on 1 % of the pixels, at random. The set is made once: every epoch sees the same noise.

    Args:
        names: Names of all images of the set.
        noises: `Noise`s of which each chosen image gets one at random, each as likely as the others.
        share: Share of the images that get noise, in (0, 1].
        seed: Non-negative integer; it decides which images, and their noise.

    Raises:
        InputError: If the share comes to no image at all.
    """

    def __init__(self, names, noises, share, seed):
        rng = np.random.default_rng([seed, 0x4015E])
        chosen = rng.permutation(len(names))[: round(share * len(names))]
        if not len(chosen):
            raise InputError(
                f"`noisy_share` {share:g} of {len(names)} training image(s) is none; choose a larger share."
            )
        self.positions = {names[i]: int(i) for i in chosen}
        # Evaluations count their seeds from 0: a network must not have seen the very fields it is tested on.
        self.seed = int(rng.integers(2**32, 2**63))
        # Drawn last: a set of one noise is what it was before there were mixes.
        kinds = rng.integers(len(noises), size=len(chosen))
        self.noises = {names[i]: noises[kind] for i, kind in zip(chosen, kinds, strict=True)}

    def image(self, name, image):
        """Return the image of this name as the set has it, float32 (height, width, channels) in [0, 1]."""
        if name not in self.positions:
            return image
        return self.noises[name].add(image, self.seed, self.positions[name])


def noisy_set(names, text, share, seed):
    """Return the `NoisySet` that the options describe, or None if `text` is None.

    Args:
        names: Names of the training images.
        text: As of `parse_mix`, or None.
        share: As in `NoisySet`.
        seed: As in `NoisySet`.
    """
    return None if text is None else NoisySet(names, parse_mix(text), share, seed)
