"""Learning rates by epoch: steps at given epochs, or equal factors from the first epoch to the last."""

import itertools
import math
import re
from dataclasses import dataclass

import keras
import numpy as np

_NUMBER = r"[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?"
_STEPS = re.compile(rf"({_NUMBER})((?:/{_NUMBER}@[0-9]+)+)")
_SPAN = re.compile(rf"({_NUMBER})\.\.({_NUMBER})")

_MOST_EPOCHS = 1_000_000


def _text(rate):
    """Return the shortest text that is read as the same number."""
    return short if float(short := f"{rate:g}") == rate else repr(rate)


@dataclass(frozen=True)
class EpochRates:
    """Learning rates by epoch, as papers and MatConvNet tell them.

    Attributes:
        rates: Positive numbers: the first rate and each later one, or the first and the last of a span.
        begins: For steps, the epochs, counted from 1, at which the later rates begin, ascending; None for a span, whose
            rates fall or grow by equal factors from epoch to epoch: MATLAB's `logspace`.
    """

    rates: tuple[float, ...]
    begins: tuple[int, ...] | None

    @staticmethod
    def is_text(text) -> bool:
        """Return whether a text means rates by epoch and not one number."""
        return "@" in text or "/" in text or ".." in text

    @classmethod
    def parse(cls, text):
        """Return the rates that a text means.

        Args:
            text: `0.05/0.005@31/0.0005@61`, 0.05 and from epoch 31 on 0.005 and so on; or `0.1..0.0001`, from 0.1 in
                the first epoch to 0.0001 in the last, by equal factors.

        Raises:
            ValueError: For a text that is neither, rates of 0, or epochs that do not ascend from 2.
        """
        span, steps = _SPAN.fullmatch(text), _STEPS.fullmatch(text)
        if span:
            found = cls(tuple(map(float, span.groups())), None)
        elif steps:
            later = [part.split("@") for part in steps[2][1:].split("/")]
            rates = (float(steps[1]), *(float(rate) for rate, _ in later))
            found = cls(rates, tuple(int(epoch) for _, epoch in later))
        else:
            raise ValueError(
                "Rates by epoch are written RATE/RATE@EPOCH, such as 0.05/0.005@31/0.0005@61, or FIRST..LAST, such as "
                f"0.1..0.0001. Received: {text!r}."
            )
        if not all(0 < rate < math.inf for rate in found.rates):
            raise ValueError(f"Rates must be finite numbers above 0. Received: {text!r}.")
        epochs = (1, *(found.begins or ()), _MOST_EPOCHS)
        if any(later <= earlier for earlier, later in itertools.pairwise(epochs)):
            raise ValueError(
                f"The epochs of later rates must ascend from 2 on, below {_MOST_EPOCHS:,}. Received: {text!r}."
            )
        return found

    def __str__(self):
        """Return the text that `parse` reads."""
        if self.begins is None:
            return "..".join(map(_text, self.rates))
        later = (f"/{_text(rate)}@{epoch}" for rate, epoch in zip(self.rates[1:], self.begins, strict=True))
        return f"{_text(self.rates[0])}{''.join(later)}"

    def by_epoch(self, epochs) -> list[float]:
        """Return the rate of each of so many epochs.

        Args:
            epochs: At least 1; of a span the last one has the last rate, of one epoch the first.
        """
        if self.begins is None:
            return np.geomspace(*self.rates, epochs).tolist()
        places = np.searchsorted(self.begins, np.arange(1, epochs + 1), side="right")
        return [self.rates[place] for place in places]

    def schedule(self, steps_per_epoch, epochs):
        """Return the Keras schedule by update of a training.

        Args:
            steps_per_epoch: Updates in an epoch, at least 1.
            epochs: Epochs of the training; needed for a span.

        Raises:
            ValueError: Without what is needed.
        """
        if steps_per_epoch is None or (epochs is None and self.begins is None):
            raise ValueError(
                f"Rates by epoch, {self}, need the updates of an epoch and the epochs of the training."
            )
        if self.begins is None:
            rates, begins = self.by_epoch(epochs), range(2, epochs + 1)
        else:
            rates, begins = self.rates, self.begins
        # A boundary is the last update that still has the rate before it; updates are counted from 0.
        boundaries = [(epoch - 1) * steps_per_epoch - 1 for epoch in begins]
        if not boundaries:
            return rates[0]
        return keras.optimizers.schedules.PiecewiseConstantDecay(boundaries, list(rates))
