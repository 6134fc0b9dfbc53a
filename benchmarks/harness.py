"""The one harness of all benchmarks: what takes turns, what a ratio means, what is printed and written.

The load of a shared machine changes from minute to minute. Contenders therefore take turns, in this process
(`stopwatch`) or, where two compilers do not bear each other, in one of their own that answers a request at a time
(`PeerProcess`), and only their ratio counts. Every ratio is ours / other: below 1 we take less. Nothing heavy is
imported here, so that the processes of peers can use it.
"""

import argparse
import json
import os
import pickle
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# What the ratio of two measurements is, by their unit.
RATIO_NAMES = {
    "ms": "time_ratio",
    "s": "time_ratio",
    "MiB": "memory_ratio",
    "points": "points_ratio",
    "loss": "error_ratio",
    "%": "error_ratio",
    "requests": "share_ratio",
}
STATUS, CLEAR = "/proc/self/status", "/proc/self/clear_refs"


@dataclass(frozen=True)
class Comparison:
    """What we take as a share of what another takes, or of a bound.

    Attributes:
        claim: What is compared.
        ours, other: The two measurements, in `unit`.
        unit: A key of `RATIO_NAMES`.
        target: The largest ratio ours / other that was promised, None if none was.
    """

    claim: str
    ours: float
    other: float
    unit: str
    target: float | None = None

    @property
    def ratio_name(self):
        return RATIO_NAMES[self.unit]

    @property
    def ratio(self):
        return self.ours / self.other

    @property
    def passed(self):
        # Measurements may be NumPy's, whose truth is not JSON's.
        return self.target is None or bool(self.ratio <= self.target)

    def line(self):
        numbers = f"{self.claim:74s} {self.ours:9.4g} {self.other:9.4g} {self.unit:6s}"
        ratio = f"{self.ratio_name:12s} {self.ratio:7.3f}"
        if self.target is None:
            return f"{numbers} {ratio}"
        return f"{numbers} {ratio} {self.target:7.3f}  {'pass' if self.passed else 'MISS'}"

    def row(self):
        """Return what a JSON file holds of it."""
        return {**asdict(self), self.ratio_name: self.ratio, "passed": self.passed}


HEADER = f"{'':74s} {'ours':>9s} {'other':>9s} {'':6s} {'ours / other':>20s} {'target':>7s}"


def parser(description, threads, repetitions):
    """Return a parser with the options that all benchmarks have; the numbers are their defaults."""
    options = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--quick", action="store_true", help="a small case, to see that it runs")
    options.add_argument("--json", type=Path, help="also write the comparisons to this file")
    options.add_argument(
        "--threads", type=int, default=threads, help=f"threads of every contender (default: {threads})"
    )
    options.add_argument(
        "--repetitions", type=int, default=repetitions, help=f"timings of each (default: {repetitions})"
    )
    return options


def run(sections, options):
    """Measure section by section, print the comparisons, write them to `options.json` if one is named.

    Args:
        sections: Iterable of pairs: a title, and a function without arguments to a list of `Comparison`.
        options: What a parser of `parser` gave.

    Returns:
        The exit code: 1 if a target is missed, but 0 with `--quick`, for which no target is meant.
    """
    start, comparisons = time.perf_counter(), []
    for number, (title, section) in enumerate(sections, 1):
        print(f"{time.perf_counter() - start:4.0f} s  {number}. {title}", flush=True)
        comparisons += section()
    print(f"{time.perf_counter() - start:4.0f} s\n\n{HEADER}")
    for comparison in comparisons:
        print(comparison.line())
    if options.json:
        rows = [comparison.row() for comparison in comparisons]
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return int(not options.quick and not all(comparison.passed for comparison in comparisons))


def use_threads(threads):
    """Let TensorFlow, before its first operation, use so many threads."""
    import tensorflow as tf

    # Contenders are traced once each; the warning that this is one function traced anew is not for them.
    tf.get_logger().setLevel("ERROR")
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def stopwatch(function, *arguments):
    """Return a function that runs this one once and returns the seconds until its first result is there."""
    from tensorflow import nest

    def timed():
        start = time.perf_counter()
        first, *_ = nest.flatten(function(*arguments))
        if hasattr(first, "numpy"):
            first.numpy()
        return time.perf_counter() - start

    return timed


def milliseconds(contenders, repetitions, quantile=0.25):
    """Run the contenders in turn, once to compile and then so many times; return the milliseconds of each by name.

    Args:
        contenders: Dictionary of functions that return seconds, or a dictionary of seconds by name.
        repetitions: Number of rounds.
        quantile: Which of its times stands for a contender: the lower quartile, or the least (0).
    """
    for contender in contenders.values():
        contender()
    rounds = [_one_round(contenders) for _ in range(repetitions)]
    return {name: 1e3 * float(np.quantile([times[name] for times in rounds], quantile)) for name in rounds[0]}


def _one_round(contenders):
    times = {}
    for name, contender in contenders.items():
        found = contender()
        times |= found if isinstance(found, dict) else {name: found}
    return times


def missing(packages):
    """Return those of the packages that are not installed, and say that a comparison is left out for them."""
    absent = [package for package in packages if find_spec(package) is None]
    if absent:
        print(f"        left out: {' and '.join(absent)} not installed; see benchmarks/README.md")
    return absent


class PeerProcess:
    """A peer that waits in a process of its own; call it for one run, which returns what the peer answers.

    A call may say what it asks for, which the script finds as what `Requests.wait` returns.

    Args:
        file: Path of the script that answers, through `Requests`.
        threads: Of its operations.
        *arguments: What the script finds in `Requests.arguments`, after `threads`.
    """

    def __init__(self, file, threads, *arguments):
        # Threads that spin while they wait would take the processor from the other side.
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([sys.executable, file], env=environment, stdin=pipe, stdout=pipe)
        self._say((threads, *arguments))

    def __call__(self, request=True):
        self._say(request)
        return pickle.load(self.process.stdout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def _say(self, what):
        pickle.dump(what, self.process.stdin)
        self.process.stdin.flush()


class Requests:
    """The other end of a `PeerProcess`, made before anything can print.

    Attributes:
        arguments: Those that the process was started with.
    """

    def __init__(self):
        # What a package prints must not come among the answers.
        self._answers = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        self.arguments = pickle.load(sys.stdin.buffer)

    def wait(self):
        """Wait for the next request and return it; end the process if nobody asks any more."""
        if not sys.stdin.buffer.peek(1):
            raise SystemExit
        return pickle.load(sys.stdin.buffer)

    def answer(self, answer):
        pickle.dump(answer, self._answers)
        self._answers.flush()


def memory_is_measurable():
    """Whether this system tells and resets a process's peak memory, as Linux does; says so if it does not."""
    measurable = os.access(STATUS, os.R_OK) and os.access(CLEAR, os.W_OK)
    if not measurable:
        print("        left out: this system does not tell a process's peak memory as Linux does")
    return measurable


def in_fresh_process(function, *arguments):
    """Return what a function, of the top of a module, returns in a new process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


def peak_memory(function, *arguments):
    """Return the MiB of resident memory that a call needs above what the process held before it."""
    before = _resident("VmRSS")
    with open(CLEAR, "w") as file:
        file.write("5")  # the peak starts again from here
    function(*arguments)
    return _resident("VmHWM") - before


def _resident(field):
    with open(STATUS) as file:
        kibibytes = next(line.split()[1] for line in file if line.startswith(field))
    return int(kibibytes) / 1024
