"""Schedules of a learning rate by name: step decay, decay on plateau, cosine, 1/t, each with a warm-up."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import keras

from tfapp.optimizers.plateau_decay import TRAINING, VALIDATION, PlateauDecay
from tfapp.optimizers.warm_up import WarmUp

_MOST = 1_000_000_000


@dataclass(frozen=True)
class _Option:
    """An option of a schedule.

    Attributes:
        fits: Function of a number to whether it is in range, or the words that it may be.
        words: What is expected, for messages.
        default: Its value where it is not given; None where it has to be.
    """

    fits: Callable | tuple
    words: str
    default: float | str | None = None


def _whole(number):
    return 1 <= number <= _MOST and number == int(number)


def _positive(number):
    return 0 < number <= _MOST


_FACTOR = _Option(lambda number: 0 < number < 1, "a number between 0 and 1", 0.1)
WARM_UP = "warmup"
# Of every schedule, besides its own.
_OF_ALL = {WARM_UP: _Option(lambda number: 0 <= number <= _MOST, "epochs, a number of at least 0", 0.0)}
CONSTANT = "constant"
SCHEDULES = {
    CONSTANT: {},
    "cosine": {},
    "step": {"every": _Option(_whole, "a whole number of epochs from 1"), "factor": _FACTOR},
    "plateau": {
        "patience": _Option(_whole, "a whole number of epochs from 1", 10.0),
        "factor": _FACTOR,
        "threshold": _Option(lambda number: 0 <= number < 1, "a share from 0 to below 1", 1e-4),
        "least": _Option(lambda number: 0 <= number < math.inf, "a rate of at least 0", 0.0),
        "watch": _Option(("auto", TRAINING, VALIDATION), f"auto, {TRAINING} or {VALIDATION}", "auto"),
    },
    "1/t": {"half": _Option(_positive, "epochs, a number above 0")},
}


def number_text(number):
    """Return the shortest text that is read as the same number."""
    return short if float(short := f"{number:g}") == number else repr(number)


@dataclass(frozen=True)
class RateSchedule:
    """What becomes of a learning rate along a training, as a factor of it.

    - `constant`.
    - `cosine`: half a cosine, from the rate to 0 at the last epoch (I. Loshchilov, F. Hutter, "SGDR", ICLR 2017,
      without restarts).
    - `step+every=30+factor=0.1`: step decay, multiplied by the factor every so many epochs.
    - `plateau+patience=10+factor=0.1`: decay on plateau, multiplied by the factor after so many epochs in which the
      loss of validation, or of training where there is none, did not fall below its smallest by a share `threshold`
      of it, and never below `least`; `watch=training` or `watch=validation` says which loss.
    - `1/t+half=10`: the rate over 1 + t / half, so that its sum is infinite and that of its squares finite (H. Robbins,
      S. Monro, "A Stochastic Approximation Method", Ann. Math. Stat. 22, 1951).

    Each may end in `+warmup=5`: over so many epochs the rate grows from near 0, in even steps by update. Cosine, 1/t
    and warm-up change with every update, the others with epochs.

    Attributes:
        name: One of `SCHEDULES`.
        options: Dictionary from the names of its options to their values, all of them.
    """

    name: str
    options: dict

    @classmethod
    def parse(cls, text):
        """Return the schedule that a text means, such as `step+every=10+factor=0.5+warmup=2`.

        Raises:
            ValueError: For another form, an unknown name or option, or a value out of range.

        Example:
            >>> RateSchedule.parse("plateau+patience=5").options["factor"]
            0.1
        """
        # Not at the sign of an exponent, as in 1e+5.
        name, *parts = re.split(r"\+(?=[a-zA-Z]|$)", text)
        if name not in SCHEDULES:
            raise ValueError(
                f"A schedule must begin with one of {', '.join(SCHEDULES)}, such as cosine+warmup=5. "
                f"Received: {text!r}."
            )
        known, given = SCHEDULES[name] | _OF_ALL, {}
        for part in parts:
            option, equals, value = part.partition("=")
            if option not in known or not equals or option in given:
                options = ", ".join(f"+{one}=..." for one in known)
                raise ValueError(
                    f"{name} has the options {options}, each once. Received: {part!r} in {text!r}."
                )
            given[option] = _value(name, option, value, known[option])
        for option, its in known.items():
            if its.default is None and option not in given:
                raise ValueError(
                    f"{name} needs {option}: {its.words}, such as {name}+{option}=10. Received: {text!r}."
                )
        return cls(name, {option: given.get(option, its.default) for option, its in known.items()})

    def __str__(self):
        """Return the text that `parse` reads, without what is at its default."""
        known = SCHEDULES[self.name] | _OF_ALL
        told = {option: value for option, value in self.options.items() if value != known[option].default}
        words = (
            f"+{one}={value if isinstance(value, str) else number_text(value)}" for one, value in told.items()
        )
        return self.name + "".join(words)

    @property
    def ends_with_epochs(self):
        """Whether it is made for one number of epochs, and cannot be given more."""
        return self.name == "cosine"

    @property
    def watches(self):
        """Which loss it looks at: `auto`, `training` or `validation`; None if it looks at none."""
        return self.options.get("watch")

    def check_rate(self, rate):
        """Raise ValueError for a rate that it cannot begin with."""
        least = self.options.get("least", 0.0)
        if least > max(rate, 0):
            raise ValueError(
                f"`least` must be a rate no higher than the one that {self.name} begins with, {number_text(rate)}. "
                f"Received: least={number_text(least)}."
            )

    def schedule(self, rate, steps_per_epoch, epochs=None):
        """Return the number, or the Keras schedule by update, that an optimizer takes as its learning rate.

        Args:
            rate: The rate that it is a factor of, above 0.
            steps_per_epoch: Updates in an epoch, at least 1; needed for all but a constant rate.
            epochs: Epochs of the training; needed for `cosine`.

        Raises:
            ValueError: Without what is needed.
        """
        self.check_rate(rate)
        if steps_per_epoch is None and str(self) != CONSTANT or epochs is None and self.ends_with_epochs:
            raise ValueError(
                f"The schedule {self} needs the updates of an epoch and the epochs of the training."
            )
        return warmed(
            self._own(rate, steps_per_epoch, epochs), self.options[WARM_UP], steps_per_epoch, epochs
        )

    def _own(self, rate, steps_per_epoch, epochs):
        """Return the rate without the warm-up."""
        schedules, options = keras.optimizers.schedules, self.options
        if self.name == "cosine":
            return schedules.CosineDecay(rate, epochs * steps_per_epoch)
        if self.name == "step":
            every = int(options["every"]) * steps_per_epoch
            return schedules.ExponentialDecay(rate, every, options["factor"], staircase=True)
        if self.name == "plateau":
            own = {name: options[name] for name in ("factor", "patience", "threshold", "least")}
            return PlateauDecay(rate, **own, watch=None if options["watch"] == "auto" else options["watch"])
        if self.name == "1/t":
            return schedules.InverseTimeDecay(rate, options["half"] * steps_per_epoch, 1.0)
        return rate


def warmed(rate, epochs, steps_per_epoch, of_training=None):
    """Return a rate or Keras schedule with a warm-up of so many epochs in front, of 0 epochs without.

    Raises:
        ValueError: If the training, of `of_training` epochs, would end before the warm-up does.
    """
    if epochs and of_training is not None and epochs >= of_training:
        raise ValueError(
            f"A warm-up must be shorter than the training, which has {of_training} epochs: the rate would never be "
            f"reached. Received: warmup={number_text(epochs)}."
        )
    return WarmUp(rate, max(1, round(epochs * steps_per_epoch))) if epochs else rate


def _value(name, option, text, its):
    if isinstance(its.fits, tuple):
        value, fits = text, text in its.fits
    else:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        fits = math.isfinite(value) and its.fits(value)
    if not fits:
        raise ValueError(f"{option} of {name} must be {its.words}. Received: {option}={text}.")
    return value
