"""The TV layers side by side with their peers: time, memory and accuracy as ratios.

    python -m pip install -e ".[benchmarks]"
    python benchmarks/tv.py [--threads 1] [--repetitions 7] [--json FILE]

Synthetic logits of 256x256 pixels and 11 classes, lambda = 1, float32. Both sides of a comparison are run in
turn, because the load of a shared machine changes from minute to minute, and compared by their least times. A
ratio is what the peer takes divided by what ours takes; the targets are for XLA, the rows without one show the
same in a plain graph. A peer that is not installed is left out. Exit code 1 if a target is missed.
"""

import argparse
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf
import tv_backward
import tv_forward
import tv_memory
import tv_peers
import tv_steps
from tv_field import TV_WEIGHT, large_field
from tv_timing import HEADER


def main(argv=None):
    options = parse(argv)
    # Contenders are traced once each; the warning that this is one function traced anew is not for them.
    tf.get_logger().setLevel("ERROR")
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    comparisons = []
    start = time.perf_counter()
    for number, (title, section) in enumerate(sections(options).items(), 1):
        print(f"{time.perf_counter() - start:4.0f} s  {number}. {title}", flush=True)
        comparisons += section()
    print(f"\n{HEADER}")
    for comparison in comparisons:
        print(comparison.line())
    if options.json:
        rows = [{**asdict(each), "ratio": each.ratio, "passed": each.passed} for each in comparisons]
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return int(not all(comparison.passed for comparison in comparisons))


def parse(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1, help="threads of every contender (default: 1)")
    parser.add_argument("--repetitions", type=int, default=7, help="timings of each side (default: 7)")
    parser.add_argument("--json", type=Path, help="also write the comparisons to this file")
    return parser.parse_args(argv)


def sections(options):
    """Return the sections by title, each a function to a list of comparisons."""
    logits, labels = (tf.constant(array) for array in large_field())
    u, *gradients = tv_steps.exact(gap=1e-5)(
        tf.cast(logits, tf.float64), tf.constant(TV_WEIGHT, tf.float64), labels
    )
    exact = tf.nn.softmax(u)
    few = max(1, options.repetitions // 2)  # of what takes seconds
    every = options.repetitions
    return {
        "time to the paper's accuracy": lambda: tv_forward.same_accuracy(logits, exact, every),
        "one iteration": lambda: tv_forward.one_iteration(logits, every),
        "a training step": lambda: tv_backward.training_step(logits, labels, gradients, few),
        "peak memory of a training step": lambda: memory(options.threads),
        "a training step against a differentiable cone program": lambda: unless_missing(
            "cvxpylayers", lambda: tv_backward.cone_program(few, options.threads)
        ),
        "one iteration of denoising": lambda: unless_missing(
            "deepinv", lambda: tv_forward.denoiser(logits, every, options.threads)
        ),
        "ten iterations against soft threshold dynamics": lambda: tv_forward.threshold_dynamics(
            logits, every
        ),
    }


def memory(threads):
    if tv_memory.measurable():
        return tv_backward.peak_memory(threads)
    print("        left out: this system does not tell a process's peak memory as Linux does")
    return []


def unless_missing(name, section):
    absent = tv_peers.missing(name)
    if not absent:
        return section()
    print(f'        left out: {" and ".join(absent)} not installed; python -m pip install -e ".[benchmarks]"')
    return []


if __name__ == "__main__":
    sys.exit(main())
