"""The loss around a solution on a grid, with the checks that make the picture trustworthy.

Algorithm 1 of Lu and Tong: two random directions u and v, here normalised filter by filter, and the loss
at w + alpha*u + beta*v for every (alpha, beta) of a grid.

References:
    Jianjie Lu, Kai-yu Tong: Visualized Insights into the Optimization Landscape of Fully Convolutional
    Networks. arXiv, January 2019.
"""

import os
import time
import warnings
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from tfapp.errors import InputError
from tfapp.landscape.directions import direction_figures, filter_normalised_direction
from tfapp.landscape.fingerprint import hash_data, hash_loss, hash_model, hash_weights
from tfapp.landscape.point_loss import Batches, make_bare_forward, make_point_loss
from tfapp.landscape.surface import Surface

SECONDS_BETWEEN_SAVES = 2.0
# Points that are timed beside a bare forward pass: enough for a quartile, nothing beside a grid.
TIMED_PAIRS = 5
# Two compiled graphs of one float32 model differ by rounding, far less than this.
CENTRE_TOLERANCE = 1e-3


def landscape(
    model: keras.Model,
    x,
    y,
    sample_weight=None,
    *,
    n: int = 21,
    range: float = 0.5,
    seed: int = 0,
    batch_size: int = 8,
    path: str | os.PathLike | None = None,
    progress: Callable[[int, int], None] | None = None,
    overwrite: bool = False,
    jit_compile: bool = False,
) -> Surface:
    """Measure the loss of a compiled Keras model on a plane through its solution.

    The model is not changed. The points are measured from a coarse lattice to the full grid; with `path`,
    the surface is saved every two seconds and when the run ends for whatever reason, and the same call goes
    on where it stopped. Layers run in inference mode with their stored moving statistics.

    Args:
        model: compiled and built Keras model.
        x, y, sample_weight: samples, targets and weights (or None), as for `model.evaluate`; arrays or
            nests of arrays with the samples on the first axis. They are kept in memory as tensors.
        n: points along each axis, odd so that the solution is one of them, >= 3.
        range: half width of the window, > 0, relative: 1 moves every filter by 100 % of its norm.
        seed: integer >= 0; the directions are drawn with the seeds 2*seed and 2*seed + 1.
        batch_size: samples per forward pass, >= 1.
        path: file of the surface (.npz), or None to keep it in memory only.
        progress: called as `progress(measured, total)` after every point.
        overwrite: start again even if `path` holds a surface.
        jit_compile: compile the point by XLA.

    Returns:
        The complete `Surface`; `metadata["self_check"]` compares f(0, 0) with `model.evaluate`, and
        `metadata["timing"]` the seconds of a point with those of a bare forward pass.

    Raises:
        InputError: an argument out of range, a model that is not compiled or not built, a layer whose
            filters are unknown, or a `path` that holds the surface of another setting.
    """
    _check_arguments(model, n, range, seed)
    batches = Batches(x, y, sample_weight, batch_size)
    key = {
        "weights": hash_weights(model),
        "data": hash_data(x, y, sample_weight),
        "model": hash_model(model),
        "loss": hash_loss(model),
        "samples": batches.num_samples,
        "seed": int(seed),
        "n": int(n),
        "range": float(range),
        "batch_size": int(batch_size),
    }
    surface = _resume(path, key, overwrite) or Surface.empty(n, range, _metadata(key))
    # A run killed between its last save and its end leaves all points but no checks.
    if surface.complete and surface.metadata.get("self_check"):
        return surface

    u, v = (filter_normalised_direction(model, s) for s in surface.metadata["direction_seeds"])
    check = {
        **direction_figures(model, u, v),
        "evaluate": _evaluate(model, x, y, sample_weight, batch_size),
    }
    point_loss = make_point_loss(model, batches, u, v, jit_compile=jit_compile)
    stopwatch = _Stopwatch(point_loss, make_bare_forward(model, batches), surface.metadata.get("timing", {}))
    try:
        _measure(surface, stopwatch, path, progress)
    finally:
        surface.metadata["timing"] = stopwatch.figures()
        surface.metadata["self_check"] = check | _check_surface(surface, check["evaluate"], model)
        if path is not None:
            surface.save(path)
    _warn(surface.metadata["self_check"])
    return surface


def _check_arguments(model, n, range, seed):
    if n < 3 or n % 2 == 0:
        raise InputError(
            f"`n` must be odd and at least 3: the solution is the middle point. Received: n={n}."
        )
    if not (np.isfinite(range) and range > 0):
        raise InputError(f"`range` must be a positive number. Received: range={range}.")
    if seed < 0:
        raise InputError(f"`seed` must be an integer >= 0. Received: seed={seed}.")
    if not (model.built and model.compiled):
        raise InputError(
            f"Expected a compiled and built model. Received: {model.name!r} with compiled={model.compiled}, "
            f"built={model.built}; call `model.compile(loss=...)` and the model itself on one batch first."
        )


def _metadata(key):
    return {
        "key": key,
        "direction_seeds": [2 * key["seed"], 2 * key["seed"] + 1],
        "versions": {"tensorflow": tf.__version__, "keras": keras.__version__, "numpy": np.__version__},
        "self_check": {},
        "timing": {},
    }


def _resume(path, key, overwrite):
    """Return the surface in `path` if it belongs to `key`, None if there is none."""
    if path is None or overwrite or not os.path.exists(path):
        return None
    surface = Surface.load(path)
    stored = surface.metadata.get("key", {})
    changed = [name for name in key if stored.get(name) != key[name]]
    if changed:
        raise InputError(
            f"{path} holds a surface of another setting; changed: {_describe(changed, stored, key)}. Choose "
            "another path, or start again with overwrite=True (--overwrite)."
        )
    return surface


def _describe(changed, stored, key):
    """Name what changed, with both values where they are numbers and not hashes."""
    return ", ".join(
        name if isinstance(key[name], str) else f"{name} (was {stored.get(name)}, is {key[name]})"
        for name in changed
    )


def _evaluate(model, x, y, sample_weight, batch_size):
    # It also lets Keras create the state of the loss, which must not happen inside a stateless scope.
    return model.evaluate(
        x, y, sample_weight=sample_weight, batch_size=batch_size, verbose=0, return_dict=True
    )["loss"]


def _measure(surface, stopwatch, path, progress):
    """Fill the cells that are still to do, saving from time to time."""
    last_save = time.monotonic()
    for i, j in surface.todo():
        loss, regularisation = stopwatch.measure(surface.alphas[i], surface.betas[j])
        surface.record(i, j, loss, regularisation)
        if path is not None and time.monotonic() - last_save > SECONDS_BETWEEN_SAVES:
            surface.metadata["timing"] = stopwatch.figures()
            surface.save(path)
            last_save = time.monotonic()
        if progress is not None:
            progress(surface.num_measured, surface.status.size)


def _check_surface(surface, evaluate_loss, model):
    return {
        "centre": surface.centre,
        "centre_minus_evaluate": surface.centre - evaluate_loss,
        "weights_untouched": hash_weights(model) == surface.metadata["key"]["weights"],
        "nan_cells": surface.num_nan,
        "minimum": surface.extreme(np.nanargmin),
        "maximum": surface.extreme(np.nanargmax),
    }


def _warn(check):
    difference, scale = abs(check["centre_minus_evaluate"]), abs(check["evaluate"])
    if not difference <= CENTRE_TOLERANCE * max(scale, 1e-6):
        warnings.warn(
            f"The loss at the solution is {check['centre']:.6g}, but `model.evaluate` says "
            f"{check['evaluate']:.6g}; the surface does not show the loss that was trained. Does the model "
            "override `test_step`?",
            stacklevel=3,
        )
    if not check["weights_untouched"]:
        warnings.warn("The weights of the model changed while its surface was measured.", stacklevel=3)


class _Stopwatch:
    """Measures points, and the first few of them side by side with a bare forward pass."""

    def __init__(self, point_loss, forward, earlier):
        self._point_loss, self._forward = point_loss, forward
        self._earlier = earlier
        self._start = time.perf_counter()
        self._points, self._forwards = [], []
        self._evaluate(0.0, 0.0)  # traces both graphs, which is not to be timed
        forward()

    def measure(self, alpha, beta):
        """Return `(loss, regularisation)` at one point."""
        start = time.perf_counter()
        result = self._evaluate(alpha, beta)
        self._points.append(time.perf_counter() - start)
        if len(self._forwards) < TIMED_PAIRS:
            start = time.perf_counter()
            self._forward()
            self._forwards.append(time.perf_counter() - start)
        return result

    def _evaluate(self, alpha, beta):
        values = self._point_loss(tf.constant(alpha, tf.float32), tf.constant(beta, tf.float32))
        return tuple(float(value) for value in values.numpy())

    def figures(self):
        """Return seconds as lower quartiles, the overhead from the pairs measured in turn."""
        earlier = self._earlier.get("seconds_total", 0.0)
        figures = {**self._earlier, "seconds_total": earlier + time.perf_counter() - self._start}
        if self._forwards:
            forward = float(np.quantile(self._forwards, 0.25))
            paired = float(np.quantile(self._points[: len(self._forwards)], 0.25))
            figures |= {
                "seconds_per_point": float(np.quantile(self._points, 0.25)),
                "seconds_bare_forward": forward,
                "point_over_forward": paired / forward,
            }
        return figures
