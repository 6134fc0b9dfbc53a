"""Learning rates along a training: steps at given epochs, equal factors from first to last, or a schedule by name."""

import itertools
import math
import re
from dataclasses import dataclass

import keras
import numpy as np

from tfapp.optimizers.rate_schedule import RateSchedule, number_text, warmed

_NUMBER = r"[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?"
_STEPS = re.compile(rf"({_NUMBER})((?:/{_NUMBER}@[0-9]+)+)")
_SPAN = re.compile(rf"({_NUMBER})\.\.({_NUMBER})")
# A letter behind the @, or the 1/ of 1/t, is a schedule; a number is an epoch.
_NAMED = re.compile(rf"({_NUMBER})@([a-zA-Z]\S*|1/\S*)")
_WARM_UP = re.compile(r"(.*)\+warmup=([^+]*)")

_MOST_EPOCHS = 1_000_000


@dataclass(frozen=True)
class EpochRates:
    """Learning rates by epoch, as papers and MatConvNet tell them, or one rate with a `RateSchedule`.

    Attributes:
        rates: Positive numbers: the first rate and each later one, the first and the last of a span, or the one rate of
            a schedule.
        begins: For steps, the epochs, counted from 1, at which the later rates begin, ascending; None for a span, whose
            rates fall or grow by equal factors from epoch to epoch: MATLAB's `logspace`.
        course: The `RateSchedule` of the one rate; None for steps and spans.
        warmup: Epochs of a warm-up, for steps and spans; a schedule has its own.
    """

    rates: tuple[float, ...]
    begins: tuple[int, ...] | None
    course: RateSchedule | None = None
    warmup: float = 0.0

    @staticmethod
    def is_text(text) -> bool:
        """Return whether a text means rates by epoch and not one number."""
        return "@" in text or "/" in text or ".." in text

    @classmethod
    def parse(cls, text):
        """Return the rates that a text means.

        Args:
            text: `0.05/0.005@31/0.0005@61`, 0.05 and from epoch 31 on 0.005 and so on; `0.1..0.0001`, from 0.1 in
                the first epoch to 0.0001 in the last, by equal factors; or `0.1@SCHEDULE`, with a schedule as
                `RateSchedule.parse` reads it, such as `0.1@plateau+patience=5`. Each may end in `+warmup=EPOCHS`.

        Raises:
            ValueError: For a text that is none of these, rates of 0, or epochs that do not ascend from 2.
        """
        if named := _NAMED.fullmatch(text):
            found = cls((float(named[1]),), None, RateSchedule.parse(named[2]))
        else:
            found = cls._by_epoch(text)
        if not all(0 < rate < math.inf for rate in found.rates):
            raise ValueError(f"Rates must be finite numbers above 0. Received: {text!r}.")
        if found.course is not None:
            found.course.check_rate(found.rates[0])
        epochs = (1, *(found.begins or ()), _MOST_EPOCHS)
        if any(later <= earlier for earlier, later in itertools.pairwise(epochs)):
            raise ValueError(
                f"The epochs of later rates must ascend from 2 on, below {_MOST_EPOCHS:,}. Received: {text!r}."
            )
        return found

    @classmethod
    def _by_epoch(cls, text):
        rates, warmup = text, 0.0
        if ends := _WARM_UP.fullmatch(text):
            # Its range is that of a schedule's.
            rates, warmup = ends[1], RateSchedule.parse(f"constant+warmup={ends[2]}").options["warmup"]
        if span := _SPAN.fullmatch(rates):
            return cls(tuple(map(float, span.groups())), None, warmup=warmup)
        if steps := _STEPS.fullmatch(rates):
            later = [part.split("@") for part in steps[2][1:].split("/")]
            found = (float(steps[1]), *(float(rate) for rate, _ in later))
            return cls(found, tuple(int(epoch) for _, epoch in later), warmup=warmup)
        raise ValueError(
            "Rates by epoch are written RATE/RATE@EPOCH, such as 0.05/0.005@31/0.0005@61, FIRST..LAST, such as "
            f"0.1..0.0001, or RATE@SCHEDULE, such as 0.1@cosine+warmup=5. Received: {text!r}."
        )

    def __str__(self):
        """Return the text that `parse` reads."""
        if self.course is not None:
            return f"{number_text(self.rates[0])}@{self.course}"
        warmup = f"+warmup={number_text(self.warmup)}" if self.warmup else ""
        if self.begins is None:
            return "..".join(map(number_text, self.rates)) + warmup
        later = (
            f"/{number_text(rate)}@{epoch}" for rate, epoch in zip(self.rates[1:], self.begins, strict=True)
        )
        return f"{number_text(self.rates[0])}{''.join(later)}{warmup}"

    @property
    def ends_with_epochs(self) -> bool:
        """Whether the rates are made for one number of epochs, and cannot be given more."""
        return self.begins is None if self.course is None else self.course.ends_with_epochs

    def by_epoch(self, epochs) -> list[float]:
        """Return the rate of each of so many epochs, of steps or of a span, without a warm-up.

        Args:
            epochs: At least 1; of a span the last one has the last rate, of one epoch the first.
        """
        if self.begins is None:
            return np.geomspace(*self.rates, epochs).tolist()
        places = np.searchsorted(self.begins, np.arange(1, epochs + 1), side="right")
        return [self.rates[place] for place in places]

    def schedule(self, steps_per_epoch, epochs):
        """Return the Keras schedule by update of a training, or the number where the rate is constant.

        Args:
            steps_per_epoch: Updates in an epoch, at least 1.
            epochs: Epochs of the training; needed for a span, and for `cosine`.

        Raises:
            ValueError: Without what is needed.
        """
        if self.course is not None:
            return self.course.schedule(self.rates[0], steps_per_epoch, epochs)
        if steps_per_epoch is None or (epochs is None and self.begins is None):
            raise ValueError(
                f"Rates by epoch, {self}, need the updates of an epoch and the epochs of the training."
            )
        return warmed(self._constant_by_epoch(steps_per_epoch, epochs), self.warmup, steps_per_epoch, epochs)

    def _constant_by_epoch(self, steps_per_epoch, epochs):
        if self.begins is None:
            rates, begins = self.by_epoch(epochs), range(2, epochs + 1)
        else:
            rates, begins = self.rates, self.begins
        # A boundary is the last update that still has the rate before it; updates are counted from 0.
        boundaries = [(epoch - 1) * steps_per_epoch - 1 for epoch in begins]
        if not boundaries:
            return rates[0]
        return keras.optimizers.schedules.PiecewiseConstantDecay(boundaries, list(rates))
