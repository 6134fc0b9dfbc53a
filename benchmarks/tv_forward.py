"""The forward pass of the TV layers against plain TensorFlow, deepinv and soft threshold dynamics."""

import harness
import tensorflow as tf
import tv_peers
import tv_plain
from harness import Comparison, stopwatch
from tv_task import TV_WEIGHT, least_milliseconds, rms_distance

from tfapp.layers import TVReLU, TVSoftmax

PAPER_ITERATIONS = 100
# Iterations of one timing of an iteration: the transposition and the gap at the end hardly count.
TIMED_ITERATIONS = 40


def same_accuracy(logits, exact_probabilities, repetitions):
    """The time to the accuracy of the paper's 100 iterations."""
    plain = _plain(tv_plain.projected_gradient, PAPER_ITERATIONS)
    goal = rms_distance(plain(logits), exact_probabilities)
    print(f"        plain: rms l1 error {goal:.2e} after {PAPER_ITERATIONS} iterations")
    contenders, claims = {"plain": stopwatch(plain, logits)}, {}
    for method in ("fista", "preconditioned-fista"):
        iterations, error = _fewest_iterations(method, logits, exact_probabilities, goal)
        print(f"        {method}: rms l1 error {error:.2e} after {iterations} iterations")
        for jit_compile in (True, False):
            layer = _layer(TVSoftmax, iterations, method, jit_compile)
            contenders[method, jit_compile] = stopwatch(layer, logits)
            claims[method, jit_compile] = (
                f"same error, {method} {iterations}, {_mode(jit_compile)}: 100 plain"
            )
    times = least_milliseconds(contenders, repetitions)
    return [
        Comparison(claim, times[name], times["plain"], "ms", 1 / 8 if name[1] else None)
        for name, claim in claims.items()
    ]


def one_iteration(logits, repetitions):
    """One iteration of the same algorithm."""
    plain = {"projected-gradient": tv_plain.projected_gradient, "fista": tv_plain.fista}
    contenders = {}
    for method, solve in plain.items():
        for jit_compile in (True, False):
            layer = _layer(TVSoftmax, TIMED_ITERATIONS, method, jit_compile)
            contenders[method, jit_compile] = stopwatch(layer, logits)
        contenders[method, "plain"] = stopwatch(_plain(solve, TIMED_ITERATIONS), logits)
    times = least_milliseconds(contenders, repetitions)
    return [
        Comparison(
            f"one iteration of {method}, {_mode(jit_compile)}: plain",
            times[method, jit_compile] / TIMED_ITERATIONS,
            times[method, "plain"] / TIMED_ITERATIONS,
            "ms",
            1 / 3 if jit_compile else None,
        )
        for method in plain
        for jit_compile in (True, False)
    ]


def denoiser(logits, repetitions, threads):
    """One iteration of isotropic TV denoising: deepinv's Chambolle-Pock against FISTA in `TVReLU`.

    Both take one D, one D^T and one projection; theirs relaxes two variables and takes a norm to decide
    whether to stop, ours extrapolates one and keeps A >= 0.
    """
    if harness.missing(tv_peers.NEEDS["deepinv"]):
        return []
    with tv_peers.peer("deepinv", threads, logits.numpy(), TV_WEIGHT, TIMED_ITERATIONS) as peer:
        ours = stopwatch(_layer(TVReLU, TIMED_ITERATIONS), logits)
        times = least_milliseconds({"ours": ours, "deepinv": lambda: peer()[0]}, repetitions)
    each = {name: time / TIMED_ITERATIONS for name, time in times.items()}
    return [
        Comparison(
            "one iteration of denoising, XLA: deepinv TVDenoiser", each["ours"], each["deepinv"], "ms", 1 / 5
        )
    ]


def threshold_dynamics(logits, repetitions):
    """Ten iterations against the ten of an STD layer, the other way to a spatially regular softmax."""
    dynamics = _compiled(lambda o: tv_plain.soft_threshold_dynamics(o, TV_WEIGHT, 10))
    contenders = {"std": stopwatch(dynamics, logits)}
    for jit_compile in (True, False):
        contenders[jit_compile] = stopwatch(_layer(TVSoftmax, 10, jit_compile=jit_compile), logits)
    times = least_milliseconds(contenders, repetitions)
    return [
        Comparison(
            f"10 iterations, {_mode(jit_compile)}: soft threshold dynamics, 7x7",
            times[jit_compile],
            times["std"],
            "ms",
            1 if jit_compile else None,
        )
        for jit_compile in (True, False)
    ]


def _mode(jit_compile):
    return "XLA" if jit_compile else "graph"


def _compiled(function):
    return tf.function(function, autograph=False)


def _plain(solve, iterations):
    return _compiled(lambda o: tf.nn.softmax(solve(o, TV_WEIGHT, iterations)))


def _layer(kind, iterations, method="fista", jit_compile=True):
    layer = kind(TV_WEIGHT, False, inference_iterations=iterations, method=method, jit_compile=jit_compile)
    return _compiled(lambda o: layer(o, training=False))


def _fewest_iterations(method, logits, exact_probabilities, goal):
    """Return the smallest number of iterations whose error is at most `goal`, and that error."""

    def error(iterations):
        return rms_distance(_layer(TVSoftmax, iterations, method, False)(logits), exact_probabilities)

    too_few, enough = 0, PAPER_ITERATIONS
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        too_few, enough = (too_few, middle) if error(middle) <= goal else (middle, enough)
    return enough, error(enough)
