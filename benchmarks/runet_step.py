"""A `fit()` step of RUnet against one of U-Net: 128x128x3, batch 8, base width 16, depth 4.

    python benchmarks/runet_step.py [--quick] [--threads 2] [--repetitions 25] [--json FILE]

Both models are trained in turn, four steps at a time, and compared by their lower quartiles. Exit code 1 above the
target. `--quick` shows in half a minute that it runs.
"""

import sys

import harness
import keras
import numpy as np
from harness import Comparison, milliseconds, stopwatch

from tfapp.models import build
from tfapp.segmentation.compiling import compile_segmenter

TARGET, STEPS, BATCH = 1.10, 4, 8


def main(argv=None):
    options = harness.parser(__doc__, threads=2, repetitions=25).parse_args(argv)
    harness.use_threads(options.threads)
    return harness.run([("a step of fit()", lambda: fit_step(options))], options)


def fit_step(options):
    side, repetitions = (32, 2) if options.quick else (128, options.repetitions)
    rng = np.random.default_rng(0)
    images = rng.random((BATCH, side, side, 3), dtype=np.float32)
    labels = rng.integers(0, 3, (BATCH, side, side))
    contenders = {
        head: stopwatch(train, compiled(head), images, labels) for head in ("softmax", "tv-softmax")
    }
    times = {head: time / STEPS for head, time in milliseconds(contenders, repetitions).items()}
    return [Comparison("a fit() step: RUnet to U-Net", times["tv-softmax"], times["softmax"], "ms", TARGET)]


def compiled(head):
    keras.utils.set_random_seed(0)
    model = build("unet", 3, head=head, base_width=16, depth=4)
    compile_segmenter(model, "adam", 1e-3)
    return model


def train(model, images, labels):
    model.fit(images, labels, batch_size=BATCH, epochs=STEPS, verbose=0)


if __name__ == "__main__":
    sys.exit(main())
