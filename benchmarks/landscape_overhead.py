"""What a point of the loss surface costs beside a bare forward pass.

    python benchmarks/landscape_overhead.py [--repetitions 15]

The compiled forward of a small U-Net over 16 images of 128x128x3 in batches of 8 is the yardstick; a point
adds the combination of the weights, the loss and its accumulation. Both are timed in turn, because the load
of a shared machine changes from minute to minute, and compared by their lower quartiles. Target: 1.10.
"""

import argparse
import time

import keras
import numpy as np
import tensorflow as tf

from tfapp.landscape.point_loss import Batches, make_bare_forward, make_point_loss
from tfapp.landscape.random_directions import filter_normalised_direction

TARGET = 1.10
NUM_IMAGES, SIDE, BATCH_SIZE = 16, 128, 8


def unet(base: int = 16, depth: int = 4) -> keras.Model:
    """Return a compiled U-Net for 128x128x3 images and two classes, ReLU, two convolutions a level."""
    inputs = features = keras.Input((SIDE, SIDE, 3))
    skips = []
    for level in range(depth):
        skips.append(convolve_twice(features, base << level))
        features = keras.layers.MaxPooling2D()(skips[-1])
    features = convolve_twice(features, base << depth)
    for level in reversed(range(depth)):
        features = keras.layers.Conv2DTranspose(base << level, 2, strides=2)(features)
        features = convolve_twice(keras.layers.concatenate([skips[level], features]), base << level)
    outputs = keras.layers.Conv2D(2, 1, activation="softmax")(features)
    model = keras.Model(inputs, outputs)
    model.compile(loss="sparse_categorical_crossentropy")
    return model


def convolve_twice(features, filters):
    for _ in range(2):
        features = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(features)
    return features


def seconds(function) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=15, help="timings of each side (default: 15)")
    repetitions = parser.parse_args(argv).repetitions

    keras.utils.set_random_seed(0)
    model = unet()
    rng = np.random.default_rng(0)
    x = rng.random((NUM_IMAGES, SIDE, SIDE, 3), np.float32)
    y = rng.integers(0, 2, (NUM_IMAGES, SIDE, SIDE), np.int32)
    batches = Batches(x, y, np.ones(y.shape, np.float32), BATCH_SIZE)
    u, v = (filter_normalised_direction(model, seed) for seed in (0, 1))
    point_loss = make_point_loss(model, batches, u, v)
    sides = {
        "bare forward": make_bare_forward(model, batches),
        "point of the surface": lambda: point_loss(tf.constant(0.1), tf.constant(-0.2)).numpy(),
    }
    for function in sides.values():
        function()
    times = {name: [] for name in sides}
    for _ in range(repetitions):
        for name, function in sides.items():
            times[name].append(seconds(function))

    quartile = {name: float(np.quantile(values, 0.25)) for name, values in times.items()}
    ratio = quartile["point of the surface"] / quartile["bare forward"]
    print(f"U-Net, {model.count_params():,} parameters, {NUM_IMAGES} x {SIDE}x{SIDE}x3, batch {BATCH_SIZE}")
    for name, value in quartile.items():
        print(f"{name:>22}: {1e3 * value:8.1f} ms  (lower quartile of {repetitions})")
    print(f"{'ratio':>22}: {ratio:8.3f}     (target <= {TARGET:.2f})")
    return 0 if ratio <= TARGET else 1


if __name__ == "__main__":
    raise SystemExit(main())
