"""Training through the converged TV softmax against unrolled iterations and a differentiable cone program."""

import numpy as np
import tensorflow as tf
import tv_memory
import tv_peers
import tv_steps
from tv_field import TV_WEIGHT, cosine, rms_distance, voronoi_logits
from tv_timing import Comparison, least_milliseconds, stopwatch

UNROLLED_ITERATIONS = 100


def training_step(logits, labels, exact_gradients, repetitions):
    """A training step with the layer's defaults against the unrolled paper's iterations."""
    steps = {
        "ours": tv_steps.implicit(),
        "in XLA": tv_steps.unrolled(UNROLLED_ITERATIONS, jit_compile=True),
        "in a graph": tv_steps.unrolled(UNROLLED_ITERATIONS, jit_compile=False),
    }
    arguments = logits, tf.constant(TV_WEIGHT), labels
    for name in ("ours", "in XLA"):
        _print_accuracy(name, steps[name](*arguments)[1:], exact_gradients)
    contenders = {name: stopwatch(step, *arguments) for name, step in steps.items()}
    times = least_milliseconds(contenders, repetitions)
    return [
        Comparison(f"training step: 100 iterations unrolled {how}", times["ours"], times[how], "ms", target)
        for how, target in (("in XLA", 10), ("in a graph", 40))
    ]


def peak_memory(threads):
    """Peak memory of these training steps, and with three times the iterations."""
    ours = {iterations: tv_memory.peak("implicit", iterations, threads) for iterations in (30, 100, 300)}
    print(
        "        ours with 30, 100, 300 iterations: " + ", ".join(f"{size:.0f} MiB" for size in ours.values())
    )
    graph = tv_memory.peak("unrolled", UNROLLED_ITERATIONS, threads)
    rows = [
        Comparison("peak memory of a step: 100 iterations unrolled in a graph", ours[100], graph, "MiB", 9)
    ]
    for iterations in (100, 300):
        peer = tv_memory.peak("unrolled-xla", iterations, threads)
        claim = f"peak memory of a step: {iterations} iterations unrolled in XLA"
        rows.append(Comparison(claim, ours[iterations], peer, "MiB", 9))
    return rows


def cone_program(repetitions, threads):
    """A training step of the anisotropic layer at 24x24x3 against cvxpylayers.

    Clarabel solves to a relative gap of 1e-8; ours to a gap of 1e-6 per pixel, the least of float32.
    """
    logits, labels = voronoi_logits(24, classes=3, contrast=3, noise=1.5)
    single = tf.constant(logits), tf.constant(TV_WEIGHT), tf.constant(labels)
    double = tf.constant(logits, tf.float64), tf.constant(TV_WEIGHT, tf.float64), tf.constant(labels)
    exact, *exact_gradients = tv_steps.exact(isotropic=False)(*double)
    exact = tf.nn.softmax(exact)
    step = tv_steps.implicit(3000, tolerance=1e-6, backward_iterations=30, isotropic=False)
    u, *gradients = step(*single)
    with tv_peers.Peer("cvxpylayers", threads, logits, labels, TV_WEIGHT) as peer:
        _, (a, *peer_gradients) = peer()
        for name, output, found in (
            ("ours", tf.nn.softmax(u), gradients),
            ("cvxpylayers", a, peer_gradients),
        ):
            _print_accuracy(name, found, exact_gradients, f"rms l1 error {rms_distance(output, exact):.1e}, ")
        contenders = {"ours": stopwatch(step, *single), "cvxpylayers": lambda: peer()[0]}
        times = least_milliseconds(contenders, repetitions)
    claim = "training step at 24x24x3, converged: cvxpylayers"
    return [Comparison(claim, times["ours"], times["cvxpylayers"], "ms", 100)]


def _print_accuracy(name, gradients, exact_gradients, error=""):
    angle = cosine(gradients[0], exact_gradients[0])
    norms = np.linalg.norm(gradients[0]) / np.linalg.norm(exact_gradients[0])
    weights = f"{float(gradients[1]):.5e} (exact {float(exact_gradients[1]):.5e})"
    print(
        f"        {name}: {error}gradient's cosine {angle:.6f}, norm ratio {norms:.4f}, dL/dlambda {weights}"
    )
