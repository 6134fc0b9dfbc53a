"""Loss surfaces side by side with their peers: time of a point, evaluations of a surface, and accuracy.

    python -m pip install -e ".[benchmarks]"
    python benchmarks/landscape.py [--quick] [--threads 2] [--repetitions 15] [--json FILE]

A U-Net of 1.94 million parameters (depth 4, base width 16), 16 images of 128x128x1 in one batch, mean squared error,
float32 unless said otherwise. All contenders for a point are run in turn, because the load of a shared machine changes
from minute to minute, and compared by their lower quartiles. A ratio is what ours takes divided by what the other
takes. A peer that is not installed is left out. Exit code 1 if a target is missed. `--quick` shows in half a minute
that it runs, with a small network that no target is meant for.
"""

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import landscape_points
import landscape_surfaces
import tensorflow as tf
from landscape_unet import FULL, NUM_IMAGES, QUICK, images_and_foreground, train, unet
from ratios import report


def main(argv=None):
    options = parse(argv)
    # Contenders are traced once each; the warning that this is one function traced anew is not for them.
    tf.get_logger().setLevel("ERROR")
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    comparisons = []
    start = time.perf_counter()
    for number, (title, section) in enumerate(sections(options), 1):
        print(f"{time.perf_counter() - start:4.0f} s  {number}. {title}", flush=True)
        comparisons += section()
    return report(comparisons, start, options.quick, options.json)


def parse(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2, help="threads of every contender (default: 2)")
    parser.add_argument("--repetitions", type=int, default=15, help="timings of each side (default: 15)")
    parser.add_argument(
        "--quick", action="store_true", help="a small network and surface, to see that it runs"
    )
    parser.add_argument("--json", type=Path, help="also write the comparisons to this file")
    return parser.parse_args(argv)


def sections(options):
    """Yield the title and the function, to a list of comparisons, of every section."""
    size = QUICK if options.quick else FULL
    repetitions = min(options.repetitions, 5) if options.quick else options.repetitions
    model = unet(size)
    x, y = images_and_foreground(size)
    sample = x[:NUM_IMAGES], y[:NUM_IMAGES]
    title = f"one point: {model.count_params():,} parameters, {NUM_IMAGES} images of {size.side}x{size.side}"
    yield title, lambda: landscape_points.points(model, *sample, size, options.threads, repetitions)
    # Surfaces need many points; a quarter of the images makes them four times cheaper and as bumpy.
    few = x[: NUM_IMAGES // 4], y[: NUM_IMAGES // 4]
    yield "surfaces of the untrained network", lambda: landscape_surfaces.untrained(model, *few, size.grid)
    loss = train(model, x, y, size.steps)
    title = f"the surface after {size.steps} steps, at a loss of {loss:.4f}"
    yield title, lambda: landscape_surfaces.trained(model, *few, size.grid)


if __name__ == "__main__":
    sys.exit(main())
