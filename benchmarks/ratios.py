"""Timing side by side, and the line that a comparison becomes."""

import json
import time
from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True)
class Comparison:
    """What we take as a share of what another takes, or of a bound.

    Attributes:
        claim: What is compared.
        ours, other: The two measurements, in `unit`.
        target: The largest ratio ours / other that was promised, None if none was.
    """

    claim: str
    ours: float
    other: float
    unit: str
    target: float | None = None

    @property
    def ratio(self):
        return self.ours / self.other

    @property
    def passed(self):
        return self.target is None or self.ratio <= self.target

    def line(self):
        numbers = f"{self.claim:74s} {self.ours:9.4g} {self.other:9.4g} {self.unit:6s} {self.ratio:7.3f}"
        if self.target is None:
            return numbers
        return f"{numbers} {self.target:7.2f}  {'pass' if self.passed else 'MISS'}"


HEADER = f"{'':74s} {'ours':>9s} {'other':>9s} {'':6s} {'ratio':>7s} {'target':>7s}"


def stopwatch(function, *arguments):
    """Return a function that runs this one once and returns the seconds it took."""

    def run():
        start = time.perf_counter()
        function(*arguments)
        return time.perf_counter() - start

    return run


def quartile_milliseconds(contenders, repetitions):
    """Run the contenders in turn, once to compile and then so many times; return the lower quartile of each.

    Args:
        contenders: Dictionary of functions that return seconds, or a dictionary of seconds by name.
        repetitions: Number of rounds.
    """
    for run in contenders.values():
        run()
    rounds = [_one_round(contenders) for _ in range(repetitions)]
    return {name: 1e3 * float(np.quantile([times[name] for times in rounds], 0.25)) for name in rounds[0]}


def _one_round(contenders):
    times = {}
    for name, run in contenders.items():
        found = run()
        times |= found if isinstance(found, dict) else {name: found}
    return times


def report(comparisons, start, quick, json_file):
    """Print the comparisons, write them to a file if one is named, and return the exit code: 1 if a target is missed.

    Args:
        comparisons: List of `Comparison`.
        start: `time.perf_counter()` when the benchmark began.
        quick: Whether it was a try that no target is meant for.
        json_file: `Path` or None.
    """
    print(f"{time.perf_counter() - start:4.0f} s\n\n{HEADER}")
    for comparison in comparisons:
        print(comparison.line())
    if json_file:
        rows = [{**asdict(each), "ratio": each.ratio, "passed": each.passed} for each in comparisons]
        json_file.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return int(not quick and not all(comparison.passed for comparison in comparisons))
