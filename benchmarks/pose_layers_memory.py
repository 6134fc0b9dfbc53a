"""Chamfer distance forward and backward, ours and by the full matrix; and its peak memory in a fresh process."""

import os
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from tv_memory import CLEAR, resident

from tfapp.layers import chamfer_distance


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


def peak(name, threads, batch, points):
    """Return the MiB that a step needs above what the process held before it: its peak of resident memory."""
    command = [sys.executable, __file__, name, *map(str, (threads, batch, points))]
    return float(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


def measure(name, threads, batch, points):
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    # A few points first: the threads and the graph's own memory are not what a step needs.
    step(name)(*clouds(batch, 32))
    run, arguments = step(name), list(clouds(batch, points))
    before = resident("VmRSS")
    with open(CLEAR, "w") as file:
        file.write("5")  # the peak starts again from here
    run(*arguments)
    return resident("VmHWM") - before


if __name__ == "__main__":
    print(measure(sys.argv[1], *map(int, sys.argv[2:])))
