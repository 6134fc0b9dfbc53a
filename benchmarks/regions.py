"""Features of regions, forward and backward, and suppression of boxes, side by side with torchvision's.

    python -m pip install -e ".[benchmarks]" torchvision
    python benchmarks/regions.py [--quick] [--threads 1] [--repetitions 10] [--json FILE]

Features of two images as a detector has them, 30x40 of 256 channels, 64 regions in each, 7x7 cells; 2,000 boxes for the
suppression. First the results are compared: features and gradients must be equal to 1e-5, or to that share of the
largest, which is the only target; then both take turns, and the lower quartile of the times stands for each. Without
torchvision nothing is compared.
"""

import sys

import harness
import numpy as np
import regions_peers as peers
import tensorflow as tf
from harness import Comparison, milliseconds, stopwatch

from tfapp.layers import roi_align, roi_pool

STRIDE, CELLS, OVERLAP = 16.0, (7, 7), 0.5
TOLERANCE = 1e-5


def main(argv=None):
    options = harness.parser(__doc__, threads=1, repetitions=10).parse_args(argv)
    harness.use_threads(options.threads)
    if harness.missing(peers.NEEDS):
        return 0
    return harness.run(sections(options), options)


def sections(options):
    """Yield the title and the function, to a list of comparisons, of every section."""
    count = 8 if options.quick else 64
    features, boxes, _ = task(2, count, 32 if options.quick else 256)
    _, many, scores = task(1, 200 if options.quick else 2000, 1)
    for name, layer in {"roi_pool": roi_pool, "roi_align": roi_align}.items():
        yield name, lambda name=name, layer=layer: compare_layer(name, layer, features, boxes, options)
    yield "suppression", lambda: compare_suppression(many, scores, options)


def task(batch, count, channels):
    """Return features (batch, 30, 40, channels), boxes (batch, count, 4) within, and scores (batch * count,)."""
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 380, (batch, count, 2))
    boxes = np.concatenate([low, low + rng.uniform(20, 100, low.shape)], axis=-1).astype(np.float32)
    features = rng.normal(size=(batch, 30, 40, channels)).astype(np.float32)
    return features, boxes, rng.permutation(batch * count).astype(np.float32) / (batch * count)


def compare_layer(name, layer, features, boxes, options):
    """Return the differences of a layer and of its gradient from torchvision's, and both times."""
    regions = tf.constant(boxes)

    @tf.function(autograph=False)
    def ours(maps):
        with tf.GradientTape() as tape:
            tape.watch(maps)
            found = layer(maps, regions, CELLS, STRIDE)
            total = tf.reduce_sum(found)
        return found, tape.gradient(total, maps)

    maps, unused = tf.constant(features), np.zeros(boxes.shape[0] * boxes.shape[1], np.float32)
    with peers.peer(options.threads, features, boxes, unused, STRIDE, OVERLAP) as peer:
        _, theirs = peer(name)
        found = [one.numpy() for one in ours(maps)]
        found[0] = found[0].reshape(theirs[0].shape)
        times = milliseconds(
            {"ours": stopwatch(ours, maps), "torchvision": lambda: peer(name)[0]}, options.repetitions
        )
    differences = [
        float(np.abs(one - other).max() / max(1.0, np.abs(other).max()))
        for one, other in zip(found, theirs, strict=True)
    ]
    return [
        *(
            Comparison(
                f"{name}: {what}, largest difference against {TOLERANCE:g}", one, TOLERANCE, "loss", 1.0
            )
            for what, one in zip(("features", "gradient"), differences, strict=True)
        ),
        Comparison(f"{name}: forward and backward, torchvision", times["ours"], times["torchvision"], "ms"),
    ]


def compare_suppression(boxes, scores, options):
    """Return whether both keep the same boxes, and both times."""
    corners, likely = tf.constant(boxes[0]), tf.constant(scores)

    @tf.function(autograph=False)
    def ours():
        return tf.image.non_max_suppression(corners, likely, len(scores), OVERLAP)

    features = np.zeros((1, 2, 2, 1), np.float32)
    with peers.peer(options.threads, features, boxes, scores, STRIDE, OVERLAP) as peer:
        _, (theirs,) = peer("nms")
        other = float(set(ours().numpy().tolist()) != set(theirs.tolist()))
        times = milliseconds(
            {"ours": stopwatch(ours), "torchvision": lambda: peer("nms")[0]}, options.repetitions
        )
    return [
        Comparison("suppression: other boxes kept (0: the same)", other, 1.0, "loss", 0.0),
        Comparison("suppression, torchvision", times["ours"], times["torchvision"], "ms"),
    ]


if __name__ == "__main__":
    sys.exit(main())
