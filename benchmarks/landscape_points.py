"""What one point of a surface takes: beside a bare forward pass, in bfloat16, and as others measure it."""

import landscape_peers
import tensorflow as tf
from ratios import Comparison, quartile_milliseconds, stopwatch

from tfapp.landscape import filter_normalised_direction
from tfapp.landscape.point_loss import make_bare_forward, make_point_loss
from tfapp.landscape.samples import Batches

OVERHEAD, OF_RANDOM_PLANE = 1.05, 0.7
ALPHA, BETA = 0.1, -0.2


def points(model, x, y, size, threads, repetitions):
    """Time all of them in turn on the images `x` in one batch; return a list of comparisons."""
    batches = Batches(x, y, None, len(x))
    u, v = (filter_normalised_direction(model, seed) for seed in (0, 1))
    ours = {
        dtype: at(make_point_loss(model, batches, u, v, compute_dtype=dtype))
        for dtype in ("float32", "bfloat16")
    }
    arguments = model, u, v, x, y, ALPHA, BETA
    contenders = {
        "bare forward": stopwatch(make_bare_forward(model, batches)),
        "point": stopwatch(ours["float32"]),
        "bfloat16 point": stopwatch(ours["bfloat16"]),
        "bfloat16 forward": stopwatch(make_bare_forward(model, batches, "bfloat16")),
        "set_weights and evaluate": stopwatch(landscape_peers.set_weights_and_evaluate, *arguments),
    }
    # This evaluates the model first, by which Keras creates the state of the loss.
    print_agreement(ours, landscape_peers.set_weights_and_evaluate(*arguments))
    absent = landscape_peers.missing()
    if absent:
        print(f'        without {" and ".join(absent)}; python -m pip install -e ".[benchmarks]"')
        return comparisons(quartile_milliseconds(contenders, repetitions))
    with landscape_peers.RandomPlane(size, x, y, threads, repetitions + 1) as peer:
        return comparisons(quartile_milliseconds(contenders | {"random_plane": peer}, repetitions))


def at(point_loss):
    """Return a function that measures the loss at one point."""
    return lambda: float(point_loss(tf.constant(ALPHA), tf.constant(BETA))["loss"].numpy())


def print_agreement(ours, reference):
    found = {dtype: measure() for dtype, measure in ours.items()}
    relative = {dtype: abs(loss - reference) / reference for dtype, loss in found.items()}
    numbers = ", ".join(f"{dtype} {loss:.6g} ({relative[dtype]:.1e} off)" for dtype, loss in found.items())
    print(
        f"        loss at ({ALPHA}, {BETA}): {numbers}, set_weights and evaluate {reference:.6g}", flush=True
    )


def comparisons(times):
    def compare(claim, ours, other, target=None):
        return Comparison(claim, times[ours], times[other], "ms", target)

    rows = [
        compare("a point: a bare compiled forward pass", "point", "bare forward", OVERHEAD),
        compare("a point in bfloat16: a bare one in bfloat16", "bfloat16 point", "bfloat16 forward"),
        compare("a point in bfloat16: in float32", "bfloat16 point", "point"),
        compare(
            "a point: set_weights and evaluate, landscapeviz's loop, our own code",
            "point",
            "set_weights and evaluate",
        ),
    ]
    if "random_plane" in times:
        rows += [
            compare(
                "a point: loss-landscapes' random_plane, PyTorch", "point", "random_plane", OF_RANDOM_PLANE
            ),
            compare(
                "a point in bfloat16: loss-landscapes' random_plane, PyTorch",
                "bfloat16 point",
                "random_plane",
            ),
            compare(
                "for comparison, random_plane: its own plain forward pass",
                "random_plane",
                "its plain forward",
            ),
        ]
    return rows
