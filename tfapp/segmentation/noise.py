"""Noise as the robustness tests add it to the network's input."""

from dataclasses import dataclass

import numpy as np

from tfapp.errors import InputError

KINDS = ("gaussian", "salt", "pepper", "salt-and-pepper")


@dataclass(frozen=True)
class Noise:
    """One row of a noise table.

    Attributes:
        kind: `gaussian` (amount = standard deviation), or `salt`, `pepper`, `salt-and-pepper` (amount =
            share of the pixels; salt sets all channels to 1, pepper to 0, both get half each).
        amount: In units of the image's range [0, 1]; 0 is the clean image.
    """

    kind: str
    amount: float

    @property
    def label(self):
        return "clean" if self.amount == 0 else f"{self.kind} {self.amount:g}"

    def add(self, image, seed, index):
        """Return the noisy image, float32 in [0, 1]; the noise depends on (seed, index, kind) only.

        The same field is scaled for every amount, so that rows of a table differ by amount alone.
        """
        if self.amount == 0:
            return image
        rng = np.random.default_rng([seed, index, KINDS.index(self.kind)])
        if self.kind == "gaussian":
            field = rng.standard_normal(image.shape, dtype=np.float32)
            return np.clip(image + np.float32(self.amount) * field, 0, 1)
        draw = rng.random(image.shape[:2])
        salt_share = {"salt": self.amount, "pepper": 0.0, "salt-and-pepper": self.amount / 2}[self.kind]
        noisy = image.copy()
        noisy[draw < self.amount] = 0
        noisy[draw < salt_share] = 1
        return noisy


def parse_noises(texts):
    """Turn `gaussian=0,0.01,0.05` and the like into a list of `Noise`, the clean image once and first.

    Raises:
        InputError: For an unknown kind or an amount that is not a number in its range.
    """
    noises = [Noise("gaussian", 0.0)]
    for text in texts:
        kind, _, amounts = text.partition("=")
        if kind not in KINDS or not amounts:
            raise InputError(
                f"Unknown noise {text!r}; expected KIND=AMOUNT[,AMOUNT...] with KIND one of: {', '.join(KINDS)}."
            )
        for amount in amounts.split(","):
            noise = Noise(kind, _amount(kind, amount))
            if noise.amount > 0 and noise not in noises:
                noises.append(noise)
    return noises


def _amount(kind, text):
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise InputError(f"{text!r} is not an amount of {kind} noise; expected a number from 0 to 1.")
    return value
