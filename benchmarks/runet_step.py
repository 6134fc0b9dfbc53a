"""Cost of a `fit()` step of RUnet against one of U-Net: 128x128x3, batch 8, base width 16, depth 4.

    python benchmarks/runet_step.py

Both models are trained alternately, a few steps at a time, so that a busy machine slows both; the
ratio of the lower quartiles is printed. Exit code 1 above the target of 1.10.
"""

import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from tfapp.models import build
from tfapp.segmentation.compiling import compile_segmenter

TARGET, REPETITIONS, STEPS, BATCH = 1.10, 25, 4, 8


def main():
    images, labels = example_batch()
    models = {head: compiled(head) for head in ("softmax", "tv-softmax")}
    for model in models.values():
        seconds_of_fit(model, images, labels)
    times = {head: [] for head in models}
    for _ in range(REPETITIONS):
        for head, model in models.items():
            times[head].append(seconds_of_fit(model, images, labels))
    quartiles = {head: np.quantile(values, 0.25) / STEPS for head, values in times.items()}
    ratio = quartiles["tv-softmax"] / quartiles["softmax"]
    for head, seconds in quartiles.items():
        print(f"{head:12s} {1e3 * seconds:8.1f} ms a step (lower quartile of {REPETITIONS})")
    print(f"RUnet / U-Net {ratio:.3f} (target at most {TARGET:.2f})")
    return int(ratio > TARGET)


def example_batch():
    rng = np.random.default_rng(0)
    images = rng.random((BATCH, 128, 128, 3), dtype=np.float32)
    return images, rng.integers(0, 3, (BATCH, 128, 128))


def compiled(head):
    keras.utils.set_random_seed(0)
    model = build("unet", 3, head=head, base_width=16, depth=4)
    compile_segmenter(model, "adam", 1e-3)
    return model


def seconds_of_fit(model, images, labels):
    start = time.perf_counter()
    model.fit(images, labels, batch_size=BATCH, epochs=STEPS, verbose=0)
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
