"""The layers of 3D models and poses side by side: the Chamfer distance and the removal of hidden points.

    python benchmarks/pose_layers.py [--quick] [--threads 2] [--repetitions 15] [--json FILE]

1. The Chamfer distance of 16 scenes of 2048 and 2048 points, forward and backward, against the full matrix of
   distances that is differentiated: time, and peak memory of one step as resident memory of a fresh process.
2. Trees against matrix products for one step of 16 scenes of 256 to 4096 points: `method="auto"` of
   `chamfer_distance` changes to trees where their ratio falls below 1.
3. Hidden points of 32 scenes of 2048 points on two threads against one, and against Open3D if it is installed.

All contenders of a section take turns, because the load of a shared machine changes from minute to minute, and are
compared by their lower quartiles. A ratio is what ours takes divided by what the other takes. Exit code 1 if a target
is missed. `--quick` shows in a minute that it runs.
"""

import argparse
import importlib.util
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import tv_memory
from pose_layers_memory import clouds, peak, step
from ratios import Comparison, quartile_milliseconds, report, stopwatch

from tfapp.layers import hidden_point_mask

SCENES, POINTS = 16, 2048
SWEEP = (256, 512, 768, 1024, 1536, 2048, 4096)


def main(argv=None):
    options, start = parse(argv), time.perf_counter()
    return report(measure(options, start), start, options.quick, options.json)


def measure(options, start):
    """Return the comparisons of all sections; `start` is the time that progress counts from."""
    # Contenders are traced once each; the warning that this is one function traced anew is not for them.
    tf.get_logger().setLevel("ERROR")
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    comparisons = []
    for number, section in enumerate((chamfer_time, chamfer_memory, crossover, hidden_points), 1):
        print(f"{time.perf_counter() - start:4.0f} s  {number}. {section.__name__}", flush=True)
        comparisons += section(options)
    return comparisons


def parse(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2, help="threads of every contender (default: 2)")
    parser.add_argument("--repetitions", type=int, default=15, help="timings of each (default: 15)")
    parser.add_argument("--quick", action="store_true", help="small clouds, to see that it runs")
    parser.add_argument("--json", type=Path, help="also write the comparisons to this file")
    options = parser.parse_args(argv)
    options.points, options.sweep = POINTS, SWEEP
    if options.quick:
        options.repetitions, options.points, options.sweep = 3, 256, (64, 128)
    return options


def chamfer_time(options):
    names = ("full matrix", "auto", "matmul", "tree")
    times = step_times(names, options.points, options.repetitions)
    title = f"Chamfer distance and gradient, {SCENES} x {options.points} x {options.points}"
    return [
        Comparison(
            f"{title}, {name}: against full matrix",
            times[name],
            times["full matrix"],
            "ms",
            0.25 if name == "auto" else None,
        )
        for name in names[1:]
    ]


def step_times(names, points, repetitions):
    arguments = list(clouds(SCENES, points))
    return quartile_milliseconds({name: stopwatch(step(name), *arguments) for name in names}, repetitions)


def chamfer_memory(options):
    if not tv_memory.measurable():
        print("left out: this system does not tell a process's peak memory")
        return []
    of = {
        name: peak(name, options.threads, SCENES, options.points)
        for name in ("auto", "matmul", "full matrix")
    }
    return [
        Comparison(
            f"peak memory of such a step, {name}: against full matrix",
            of[name],
            of["full matrix"],
            "MiB",
            0.1,
        )
        for name in ("auto", "matmul")
    ]


def crossover(options):
    rows = []
    for points in options.sweep:
        times = step_times(("matmul", "tree"), points, options.repetitions)
        rows.append(
            Comparison(
                f"{SCENES} x {points} x {points} ({points**2 / 1e6:.2f} million pairs): trees against products",
                times["tree"],
                times["matmul"],
                "ms",
            )
        )
    return rows


def hidden_points(options):
    scenes = np.concatenate([surface.numpy() for surface in clouds(32, options.points // 2)], axis=1)
    contenders = {"one thread": {"threads": 1}, "two threads": {"threads": 2}}
    if importlib.util.find_spec("open3d"):
        contenders["Open3D"] = {"backend": "open3d"}
    times = quartile_milliseconds(
        {name: stopwatch(lambda o=o: hidden_point_mask(scenes, **o)) for name, o in contenders.items()},
        options.repetitions,
    )
    title = f"hidden points of 32 scenes of {options.points}, two threads"
    return [
        Comparison(
            f"{title}: against {name}",
            times["two threads"],
            times[name],
            "ms",
            1 / 1.7 if name == "one thread" else None,
        )
        for name in times
        if name != "two threads"
    ]


if __name__ == "__main__":
    sys.exit(main())
