"""Timing side by side, and the line that a comparison becomes."""

import time
from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class Comparison:
    """How many times more a peer takes than we do.

    Attributes:
        claim: What is compared.
        ours, peer: The two measurements, in `unit`.
        target: The least ratio peer / ours that was promised, None if none was.
    """

    claim: str
    ours: float
    peer: float
    unit: str
    target: float | None

    @property
    def ratio(self):
        return self.peer / self.ours

    @property
    def passed(self):
        return self.target is None or self.ratio >= self.target

    def line(self):
        numbers = f"{self.claim:74s} {self.ours:9.2f} {self.peer:9.2f} {self.unit:3s} {self.ratio:8.2f}"
        if self.target is None:
            return numbers
        return f"{numbers} {self.target:7.2f}  {'pass' if self.passed else 'MISS'}"


HEADER = f"{'':74s} {'ours':>9s} {'peer':>9s} {'':3s} {'ratio':>8s} {'target':>7s}"


def stopwatch(function, *arguments):
    """Return a function that runs this one once and returns the seconds it took."""

    def run():
        start = time.perf_counter()
        tf.nest.flatten(function(*arguments))[0].numpy()
        return time.perf_counter() - start

    return run


def least_milliseconds(contenders, repetitions):
    """Run the contenders in turn, once to compile and then so many times; return the least of each.

    Args:
        contenders: Dictionary of functions that return seconds.
        repetitions: Number of rounds.
    """
    for run in contenders.values():
        run()
    rounds = [{name: run() for name, run in contenders.items()} for _ in range(repetitions)]
    return {name: 1e3 * min(times[name] for times in rounds) for name in contenders}
