"""The layers of 3D models and poses side by side: the Chamfer distance and the removal of hidden points.

1. The Chamfer distance of 16 scenes of 2048 and 2048 points, forward and backward, against the full matrix of
   distances that is differentiated: time, and peak memory of one step as resident memory of a fresh process.
2. Trees against matrix products for one step of 16 scenes of 256 to 4096 points: `method="auto"` of
   `chamfer_distance` changes to trees where their ratio falls below 1.
3. Hidden points of 32 scenes of 2048 points on two threads against one, and against Open3D if it is installed.
"""

import harness
import numpy as np
import tensorflow as tf
from harness import Comparison, milliseconds, stopwatch

from tfapp.layers import chamfer_distance, hidden_point_mask

SCENES = 16


def sections(options):
    """Return the title and the function, to a list of comparisons, of every section."""
    points, sweep = (256, (64, 128)) if options.quick else (2048, (256, 512, 768, 1024, 1536, 2048, 4096))
    repetitions = options.repetitions
    return [
        ("time of a Chamfer distance", lambda: chamfer_time(points, repetitions)),
        ("memory of a Chamfer distance", lambda: chamfer_memory(points, options.threads)),
        ("trees against products", lambda: crossover(sweep, repetitions)),
        ("hidden points", lambda: hidden_points(points, repetitions)),
    ]


def chamfer_time(points, repetitions):
    names = ("full matrix", "auto", "matmul", "tree")
    times = step_times(names, points, repetitions)
    title = f"Chamfer distance and gradient, {SCENES} x {points} x {points}"
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
    return milliseconds({name: stopwatch(step(name), *arguments) for name in names}, repetitions)


def chamfer_memory(points, threads):
    if not harness.memory_is_measurable():
        return []
    of = {
        name: harness.in_fresh_process(peak_of_step, name, threads, points)
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


def crossover(sweep, repetitions):
    rows = []
    for points in sweep:
        times = step_times(("matmul", "tree"), points, repetitions)
        rows.append(
            Comparison(
                f"{SCENES} x {points} x {points} ({points**2 / 1e6:.2f} million pairs): trees against products",
                times["tree"],
                times["matmul"],
                "ms",
            )
        )
    return rows


def hidden_points(points, repetitions):
    scenes = np.concatenate([surface.numpy() for surface in clouds(32, points // 2)], axis=1)
    contenders = {"one thread": {"threads": 1}, "two threads": {"threads": 2}}
    if not harness.missing(["open3d"]):
        contenders["Open3D"] = {"backend": "open3d"}
    times = milliseconds(
        {name: stopwatch(lambda o=o: hidden_point_mask(scenes, **o)) for name, o in contenders.items()},
        repetitions,
    )
    title = f"hidden points of 32 scenes of {points}, two threads"
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


def clouds(batch, points):
    """Return two batches of points on ellipsoids of 10 cm, 60 cm before the camera, a few centimetres apart."""
    rng = np.random.default_rng(0)
    for _ in range(2):
        surface = rng.standard_normal((batch, points, 3))
        surface *= [0.05, 0.03, 0.02] / np.linalg.norm(surface, axis=-1, keepdims=True)
        yield tf.constant(surface + rng.uniform(-0.02, 0.02, (batch, 1, 3)) + [0, 0, 0.6], tf.float32)


def full_matrix(a, b):
    """Return eq. 4.1 with all distances as one matrix that is differentiated, as it is usually written."""
    squared = (
        tf.reduce_sum(tf.square(a), -1)[:, :, None]
        + tf.reduce_sum(tf.square(b), -1)[:, None]
        - 2 * tf.matmul(a, b, transpose_b=True)
    )
    distances = tf.sqrt(tf.maximum(squared, 1e-12))
    ours, theirs = tf.reduce_min(distances, 2), tf.reduce_min(distances, 1)
    return tf.maximum(tf.reduce_mean(ours, 1), tf.reduce_mean(theirs, 1))


DISTANCES = {
    "full matrix": full_matrix,
    "auto": chamfer_distance,
    "matmul": lambda a, b: chamfer_distance(a, b, method="matmul"),
    "tree": lambda a, b: chamfer_distance(a, b, method="tree"),
}


def step(name):
    """Return a graph of the mean distance and its gradients to both clouds."""
    distance = DISTANCES[name]

    def value_and_gradients(a, b):
        with tf.GradientTape() as tape:
            tape.watch([a, b])
            value = tf.reduce_mean(distance(a, b))
        return value, tape.gradient(value, [a, b])

    return tf.function(value_and_gradients)


def peak_of_step(name, threads, points):
    """Return the MiB that a step needs; for a fresh process, in which nothing has run."""
    harness.use_threads(threads)
    # A few points first: the threads and the graph's own memory are not what a step needs.
    step(name)(*clouds(SCENES, 32))
    return harness.peak_memory(step(name), *clouds(SCENES, points))
