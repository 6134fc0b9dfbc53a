"""Loss surfaces side by side with their peers: time of a point, evaluations of a surface, and accuracy.

    python -m pip install -e ".[benchmarks]"
    python benchmarks/landscape.py [--quick] [--threads 2] [--repetitions 15] [--json FILE]

A U-Net of 1.94 million parameters (depth 4, base width 16), 16 images of 128x128x1 in one batch, mean squared error,
float32 unless said otherwise. All contenders for a point are run in turn, and compared by their lower quartiles. A peer
that is not installed is left out. Exit code 1 if a target is missed. `--quick` shows in half a minute that it runs,
with a small network that no target is meant for.
"""

import sys
import time

import harness
import landscape_peers
import numpy as np
import tensorflow as tf
from harness import Comparison, milliseconds, stopwatch
from landscape_task import FULL, NUM_IMAGES, QUICK, behind_sigmoid, images_and_foreground, train, unet

from tfapp.landscape import filter_normalised_direction, landscape
from tfapp.landscape.grid import PREDICTED
from tfapp.landscape.point_loss import make_bare_forward, make_point_loss
from tfapp.landscape.samples import Batches

# Of a point: to a bare forward pass, and to loss-landscapes.
OVERHEAD, OF_RANDOM_PLANE = 1.05, 0.7
ALPHA, BETA = 0.1, -0.2
# Of a surface: the share of points that are measured, and the largest error as a share of the range of losses.
MEASURED_SHARE, ERROR_SHARE = 1 / 4, 0.02
WIDE = 3.0  # half width of a window in which a sigmoid jumps
COARSE = 9  # points along each axis of the surface in bfloat16


def main(argv=None):
    options = harness.parser(__doc__, threads=2, repetitions=15).parse_args(argv)
    harness.use_threads(options.threads)
    return harness.run(sections(options), options)


def sections(options):
    """Yield the title and the function, to a list of comparisons, of every section."""
    size = QUICK if options.quick else FULL
    repetitions = min(options.repetitions, 5) if options.quick else options.repetitions
    model = unet(size)
    x, y = images_and_foreground(size)
    sample = x[:NUM_IMAGES], y[:NUM_IMAGES]
    title = f"one point: {model.count_params():,} parameters, {NUM_IMAGES} images of {size.side}x{size.side}"
    yield title, lambda: points(model, *sample, size, options.threads, repetitions)
    # Surfaces need many points; a quarter of the images makes them four times cheaper and as bumpy.
    few = x[: NUM_IMAGES // 4], y[: NUM_IMAGES // 4]
    yield "surfaces of the untrained network", lambda: untrained(model, *few, size.grid)
    loss = train(model, x, y, size.steps)
    title = f"the surface after {size.steps} steps, at a loss of {loss:.4f}"
    yield title, lambda: trained(model, *few, size.grid)


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
    if harness.missing(landscape_peers.NEEDS):
        return point_comparisons(milliseconds(contenders, repetitions))
    with landscape_peers.random_plane(size, x, y, threads, repetitions + 1) as peer:
        return point_comparisons(milliseconds(contenders | {"random_plane": peer}, repetitions))


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


def point_comparisons(times):
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


def trained(model, x, y, grid):
    """The adaptive surface of a trained network against its full grid; and a coarse one in bfloat16."""
    full, full_seconds = timed(model, x, y, n=grid, exact=True)
    adaptive, seconds = timed(model, x, y, n=grid)
    half, _ = timed(model, x, y, n=COARSE, exact=True, compute_dtype="bfloat16")
    span = float(np.ptp(full.loss))
    error = np.abs(adaptive.loss - full.loss)
    largest = float(error.max())
    stride = (grid - 1) // (COARSE - 1)
    deviation = float(np.abs(half.loss - full.loss[::stride, ::stride]).max())
    print(f"        losses {full.loss.min():.4g} to {full.loss.max():.4g}, {full.centre:.4g} at the solution")
    print_reported(adaptive)
    name = f"{grid}x{grid}, trained"
    return [
        Comparison(f"{name}: points measured: all", adaptive.num_measured, grid**2, "points", MEASURED_SHARE),
        Comparison(f"{name}: seconds: those of the full grid", seconds, full_seconds, "s"),
        Comparison(
            f"{name}: largest error of any point: range of losses", largest, span, "loss", ERROR_SHARE
        ),
        Comparison(
            f"{name}: rms error of predicted points: range",
            rms(error[adaptive.status == PREDICTED]),
            span,
            "loss",
        ),
        Comparison(
            f"{COARSE}x{COARSE} in bfloat16, trained: largest deviation: range", deviation, span, "loss"
        ),
        Comparison(
            f"{COARSE}x{COARSE} in bfloat16, trained: what its spot checks say: range",
            half.metadata["spot_check"]["max_deviation"],
            span,
            "loss",
        ),
    ]


def untrained(model, x, y, grid):
    """Adaptive surfaces of an untrained network: itself, and behind a sigmoid in a window where it jumps.

    Without a sigmoid its loss grows like a power of the weights, which is easy to predict; with one it is a plateau
    with steps, which is not, and the surface is measured throughout.
    """
    rows = []
    for name, network, limit in (
        ("untrained", model, 1.0),
        ("untrained, sigmoid", behind_sigmoid(model), WIDE),
    ):
        surface, _ = timed(network, x, y, n=grid, range=limit)
        print_reported(surface)
        claim = f"{grid}x{grid}, {name}, within {limit:g}: points measured: all"
        rows.append(Comparison(claim, surface.num_measured, grid**2, "points"))
    return rows


def timed(model, x, y, **options):
    start = time.perf_counter()
    surface = landscape(model, x, y, batch_size=len(x), **options)
    return surface, time.perf_counter() - start


def rms(errors):
    return float(np.sqrt(np.mean(errors**2))) if errors.size else 0.0


def print_reported(surface):
    found = surface.metadata["prediction"]
    if found["failed"]:
        print("        says that prediction did not work and that every point was measured", flush=True)
        return
    print(
        f"        says of itself: {found['max_error']:.2%} of the range at most, {found['rms_error']:.2%} rms, "
        f"at {found['points']} points",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
