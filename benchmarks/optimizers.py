"""A `fit()` step of BPGrad side by side with Adam's, on LeNet-5 and on a network of 10 million parameters.

    python benchmarks/optimizers.py [--quick] [--threads 2] [--steps 20] [--repetitions 10] [--copies 3] [--json FILE]

Whole steps of `fit()` as a user has them: batches of 64 from memory, forward and backward pass, update, metrics, with
`jit_compile` on and off. All optimizers take turns, `--steps` steps at a time, because the load of a shared machine
changes from minute to minute, and are compared by their lower quartiles. Equal networks with equal optimizers differ by
more than a tenth for as long as they live, so each optimizer has `--copies` networks, of which the fastest counts. A
ratio is what BPGrad takes divided by what Adam takes. Exit code 1 if a target is missed. `--quick` shows in a minute
that it runs.
"""

import argparse
import itertools
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from ratios import Comparison, quartile_milliseconds, report, stopwatch

from tfapp.models import build_classifier
from tfapp.optimizers import ALIG, BPGrad, Eve

BATCH, TARGET = 64, 1.1
OPTIMIZERS = {
    "Adam": keras.optimizers.Adam,
    "SGD with momentum": lambda: keras.optimizers.SGD(0.001, momentum=0.9),
    "BPGrad": lambda: BPGrad(lipschitz=1000.0),
    "BPGrad without momentum": lambda: BPGrad(lipschitz=1000.0, momentum=0.0),
    'BPGrad, lipschitz="auto"': lambda: BPGrad(lipschitz="auto"),
    "ALI-G": ALIG,
    "Eve": Eve,
}


def main(argv=None):
    options = parse(argv)
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    comparisons = []
    start = time.perf_counter()
    for name, network in {"LeNet-5": lenet_5, "10 million parameters": ten_millions}.items():
        for jit in (True, False):
            title = f"{name}, jit {'on' if jit else 'off'}"
            print(f"{time.perf_counter() - start:4.0f} s  {title}", flush=True)
            comparisons += compare(title, network, jit, options)
    return report(comparisons, start, options.quick, options.json)


def parse(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2, help="threads of every contender (default: 2)")
    parser.add_argument("--steps", type=int, default=20, help="steps of one timing (default: 20)")
    parser.add_argument("--repetitions", type=int, default=10, help="timings of each network (default: 10)")
    parser.add_argument("--copies", type=int, default=3, help="networks of each optimizer (default: 3)")
    parser.add_argument("--quick", action="store_true", help="few steps, to see that it runs")
    parser.add_argument("--json", type=Path, help="also write the comparisons to this file")
    options = parser.parse_args(argv)
    if options.quick:
        options.steps, options.repetitions, options.copies = 4, 3, 1
    return options


def lenet_5():
    return build_classifier("lenet-5", 10, (28, 28, 1))


def ten_millions():
    hidden = [keras.layers.Dense(width, "relu") for width in (2048, 2048, 2048)]
    flat = [keras.Input((28, 28, 1)), keras.layers.Flatten()]
    return keras.Sequential([*flat, *hidden, keras.layers.Dense(10)])


def compare(title, network, jit, options):
    rng = np.random.default_rng(0)
    images = rng.random((options.steps * BATCH, 28, 28, 1), "float32")
    labels = rng.integers(0, 10, len(images))
    contenders = {}
    for name, copy in itertools.product(OPTIMIZERS, range(options.copies)):
        keras.utils.set_random_seed(0)
        model = network()
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(OPTIMIZERS[name](), loss, jit_compile=jit)
        contenders[name, copy] = stopwatch(train, model, images, labels)
    every = quartile_milliseconds(contenders, options.repetitions)
    times = {name: min(every[name, copy] for copy in range(options.copies)) for name in OPTIMIZERS}
    return [
        Comparison(
            f"{title}: {name}", time / options.steps, times["Adam"] / options.steps, "ms", target_of(name)
        )
        for name, time in times.items()
        if name != "Adam"
    ]


def train(model, images, labels):
    model.fit(images, labels, batch_size=BATCH, verbose=0)


def target_of(name):
    return TARGET if name.startswith("BPGrad") else None


if __name__ == "__main__":
    sys.exit(main())
