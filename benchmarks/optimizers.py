"""A `fit()` step of BPGrad side by side with Adam's, on LeNet-5 and on a network of 10 million parameters.

    python benchmarks/optimizers.py [--quick] [--threads 2] [--steps 20] [--repetitions 10] [--copies 3] [--json FILE]

Whole steps of `fit()` as a user has them: batches of 64 from memory, forward and backward pass, update, metrics, with
`jit_compile` on and off. All optimizers take turns, `--steps` steps at a time, and are compared by their lower
quartiles. Equal networks with equal optimizers differ by more than a tenth for as long as they live, so each optimizer
has `--copies` networks, of which the fastest counts. Exit code 1 if a target is missed. `--quick` shows in a minute
that it runs.
"""

import itertools
import sys

import harness
import keras
import numpy as np
from harness import Comparison, milliseconds, stopwatch

from tfapp.models import build_classifier
from tfapp.optimizers import ALIG, BPGrad, Eve

BATCH, TARGET = 64, 1.1
OPTIMIZERS = {
    "Adam": keras.optimizers.Adam,
    "SGD with momentum": lambda: keras.optimizers.SGD(0.001, momentum=0.9),
    "BPGrad": lambda: BPGrad(lipschitz=1000.0),
    "BPGrad without momentum": lambda: BPGrad(lipschitz=1000.0, momentum=0.0),
    "BPGrad, form of the authors": lambda: BPGrad(lipschitz=1000.0, form="authors"),
    'BPGrad, lipschitz="auto"': lambda: BPGrad(lipschitz="auto"),
    'BPGrad, lipschitz="auto", form of the authors': lambda: BPGrad(lipschitz="auto", form="authors"),
    'BPGrad, lipschitz="auto-median"': lambda: BPGrad(lipschitz="auto-median"),
    "ALI-G": ALIG,
    "Eve": Eve,
}


def main(argv=None):
    options = parse(argv)
    harness.use_threads(options.threads)
    return harness.run(sections(options), options)


def parse(argv):
    parser = harness.parser(__doc__, threads=2, repetitions=10)
    parser.add_argument("--steps", type=int, default=20, help="steps of one timing (default: 20)")
    parser.add_argument("--copies", type=int, default=3, help="networks of each optimizer (default: 3)")
    options = parser.parse_args(argv)
    if options.quick:
        options.steps, options.repetitions, options.copies = 4, 3, 1
    return options


def sections(options):
    """Yield the title and the function, to a list of comparisons, of every section."""
    for name, network in {"LeNet-5": lenet_5, "10 million parameters": ten_millions}.items():
        for jit in (True, False):
            title = f"{name}, jit {'on' if jit else 'off'}"
            yield title, lambda title=title, network=network, jit=jit: compare(title, network, jit, options)


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
    every = milliseconds(contenders, options.repetitions)
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
