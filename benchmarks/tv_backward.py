"""Training through the converged TV softmax against unrolled iterations and a differentiable cone program."""

import harness
import numpy as np
import tensorflow as tf
import tv_peers
import tv_task
from harness import Comparison, stopwatch
from tv_task import TV_WEIGHT, cosine, least_milliseconds, rms_distance, voronoi_logits

UNROLLED_ITERATIONS = 100


def training_step(logits, labels, exact_gradients, repetitions):
    """A training step against the unrolled iterations of the paper: with the defaults, and as accurate a one."""
    arguments = logits, tf.constant(TV_WEIGHT), labels
    steps = {
        "XLA": tv_task.unrolled(UNROLLED_ITERATIONS, jit_compile=True),
        "graph": tv_task.unrolled(UNROLLED_ITERATIONS, jit_compile=False),
        "defaults": tv_task.implicit(),
    }
    goal = cosine(steps["XLA"](*arguments)[1], exact_gradients[0])
    iterations = _fewest_iterations(arguments, exact_gradients[0], goal)
    steps["accurate"] = tv_task.implicit(iterations, method="preconditioned-fista")
    for name, step in steps.items():
        _print_accuracy(name, step(*arguments)[1:], exact_gradients)
    times = least_milliseconds(
        {name: stopwatch(step, *arguments) for name, step in steps.items()}, repetitions
    )
    accurate = f"as accurate, preconditioned-fista {iterations}"
    return [
        Comparison(
            "training step, defaults: 100 unrolled in XLA", times["defaults"], times["XLA"], "ms", 1 / 10
        ),
        Comparison(
            "training step, defaults: 100 unrolled in a graph",
            times["defaults"],
            times["graph"],
            "ms",
            1 / 40,
        ),
        Comparison(
            f"training step, {accurate}: 100 unrolled in XLA", times["accurate"], times["XLA"], "ms", 1 / 10
        ),
    ]


def peak_memory(threads, quick):
    """Peak memory of these training steps, and with 300 iterations on both sides."""
    if not harness.memory_is_measurable():
        return []
    rows = []
    for ours, unrolled in ((30, UNROLLED_ITERATIONS), (300, 300)):
        sizes = (
            harness.in_fresh_process(tv_task.peak_of_step, name, iterations, threads, quick)
            for name, iterations in (("implicit", ours), ("unrolled", unrolled))
        )
        rows.append(
            Comparison(f"peak memory, {ours} iterations: {unrolled} unrolled in XLA", *sizes, "MiB", 1 / 9)
        )
    return rows


def cone_program(repetitions, threads):
    """A training step of the anisotropic layer at 24x24x3 against cvxpylayers.

    Clarabel solves to a relative gap of 1e-8; ours to a gap of 1e-6 per pixel, the least of float32.
    """
    if harness.missing(tv_peers.NEEDS["cvxpylayers"]):
        return []
    logits, labels = voronoi_logits(24, classes=3, contrast=3, noise=1.5)
    single = tf.constant(logits), tf.constant(TV_WEIGHT), tf.constant(labels)
    double = tf.constant(logits, tf.float64), tf.constant(TV_WEIGHT, tf.float64), tf.constant(labels)
    exact, *exact_gradients = tv_task.exact(gap=1e-8, isotropic=False)(*double)
    exact = tf.nn.softmax(exact)
    step = tv_task.implicit(3000, tolerance=1e-6, backward_iterations=30, isotropic=False)
    u, *gradients = step(*single)
    with tv_peers.peer("cvxpylayers", threads, logits, labels, TV_WEIGHT) as peer:
        _, (a, *peer_gradients) = peer()
        for name, output, found in (
            ("ours", tf.nn.softmax(u), gradients),
            ("cvxpylayers", a, peer_gradients),
        ):
            _print_accuracy(name, found, exact_gradients, f"rms l1 error {rms_distance(output, exact):.1e}, ")
        contenders = {"ours": stopwatch(step, *single), "cvxpylayers": lambda: peer()[0]}
        times = least_milliseconds(contenders, repetitions)
    claim = "training step at 24x24x3, to a gap of 1e-6: cvxpylayers"
    return [Comparison(claim, times["ours"], times["cvxpylayers"], "ms", 1 / 100)]


def _fewest_iterations(arguments, exact_gradient, goal):
    """Return the fewest tens of iterations whose gradient is at least as near in angle to the exact one."""
    for iterations in range(10, 1000, 10):
        step = tv_task.implicit(iterations, method="preconditioned-fista", jit_compile=False)
        if cosine(step(*arguments)[1], exact_gradient) >= goal:
            break
    return iterations


def _print_accuracy(name, gradients, exact_gradients, error=""):
    angle = cosine(gradients[0], exact_gradients[0])
    norms = np.linalg.norm(gradients[0]) / np.linalg.norm(exact_gradients[0])
    weights = f"{float(gradients[1]):.5e} (exact {float(exact_gradients[1]):.5e})"
    print(
        f"        {name}: {error}gradient's cosine {angle:.6f}, norm ratio {norms:.4f}, dL/dlambda {weights}"
    )
