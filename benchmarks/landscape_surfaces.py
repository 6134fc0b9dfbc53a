"""Whole surfaces: what is measured of them, and how far the rest is from a full grid."""

import time

import numpy as np
from landscape_unet import behind_sigmoid
from ratios import Comparison

from tfapp.landscape import landscape
from tfapp.landscape.grid import PREDICTED

MEASURED_SHARE, ERROR_SHARE = 1 / 4, 0.02
WIDE = 3.0  # half width of a window in which a sigmoid jumps
COARSE = 9  # points along each axis of the surface in bfloat16


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
