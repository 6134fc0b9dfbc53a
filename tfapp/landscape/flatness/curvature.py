"""Ends, trace and density of a Hessian's spectrum in one summary, from its products with vectors only."""

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass

import keras
import numpy as np
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from tfapp.claims import claimed_file, claiming
from tfapp.errors import InputError, WorkFailed
from tfapp.landscape.fingerprint import hash_data
from tfapp.landscape.flatness.derivatives import as_batches, loss_at_solution, prepare, unflatten
from tfapp.landscape.flatness.hessian import Hessian
from tfapp.landscape.flatness.sharpness import SharpnessFile
from tfapp.landscape.flatness.spectrum import (
    SpectralDensity,
    Trace,
    check_count,
    hessian_trace,
    spectral_density,
)

_ENDS = {"largest": "LA", "smallest": "SA", "magnitude": "LM"}
_LEAST_BASIS = 20
# Products that an end of the spectrum usually takes, for the progress bar only.
_USUAL_PRODUCTS = 45


@dataclass(frozen=True)
class Eigenpairs:
    """Eigenvalues at one end of a spectrum.

    Attributes:
        values: float64 (k,), the outermost first.
        vectors: float64 (k, n), rows of length 1; their largest component is positive.
        residuals: float64 (k,), |H v - lambda v| / |lambda|, each with a product of its own.
    """

    values: np.ndarray
    vectors: np.ndarray
    residuals: np.ndarray


def top_eigenvectors(
    model: keras.Model,
    x,
    y=None,
    k: int = 1,
    *,
    sample_weight=None,
    batch_size: int | None = None,
    which: str = "largest",
    seed: int = 0,
    iterations: int = 30,
    tolerance: float = 1e-3,
) -> tuple[np.ndarray, list[list[np.ndarray]]]:
    """Return the top eigenvalues of the Hessian of a model's data loss, and their eigenvectors as directions.

    Args:
        model: compiled and built Keras model; it is read only.
        x: samples as for `model.evaluate`, a dataset, or `Batches`.
        y, sample_weight: targets and weights, or None.
        batch_size: samples per pass of arrays, >= 1; None: 8, and a warning if the loss depends on it.
        k, which, seed, iterations, tolerance: those of `top_eigenpairs`.

    Returns:
        Eigenvalues, float64 (k,), and k directions: lists of float32 arrays, one per entry of
        `model.trainable_variables`, each direction of length 1 over all of them.

    Raises:
        InputError: an argument out of range, a model that is not compiled or built, a loss that is not finite.
        WorkFailed: the eigenvectors did not converge.
    """
    hessian = Hessian(model, x, y, sample_weight, batch_size=batch_size, seed=seed)
    pairs = top_eigenpairs(hessian, k, which=which, seed=seed, iterations=iterations, tolerance=tolerance)
    return pairs.values, [unflatten(vector, model.trainable_variables) for vector in pairs.vectors]


def top_eigenpairs(
    hessian: LinearOperator,
    k: int = 1,
    *,
    which: str = "largest",
    seed: int = 0,
    iterations: int = 30,
    tolerance: float = 1e-3,
) -> Eigenpairs:
    """Find eigenvalues at one end of the spectrum by ARPACK's restarted Lanczos iteration, in float64.

    Args:
        hessian: symmetric operator of shape (n, n).
        k: how many, 1 <= k <= n.
        which: `"largest"` (most positive), `"smallest"` (most negative) or `"magnitude"`.
        seed: integer >= 0, of the vector to begin with.
        iterations: largest number of restarts, >= 1. The first takes max(20, 2 k + 1) products, another about half of
            them.
        tolerance: relative accuracy of the eigenvalues, > 0. Products in float32 do not allow much less than
            1e-6.

    Raises:
        InputError: an argument out of range.
        WorkFailed: not converged; the message says what to raise.
    """
    n = hessian.shape[0]
    _check_eigenpairs(n, k, which, iterations, tolerance)
    if n <= max(_LEAST_BASIS, 2 * k + 1):
        values, vectors = np.linalg.eigh(_dense(hessian))
    else:
        values, vectors = _arpack(hessian, k, which, seed, iterations, tolerance)
    order = np.argsort({"largest": -values, "smallest": values, "magnitude": -np.abs(values)}[which])[:k]
    return _eigenpairs(hessian, values[order], vectors[:, order].T)


def _check_eigenpairs(n, k, which, iterations, tolerance):
    if not 1 <= k <= n:
        raise InputError(f"`k` must be an integer from 1 to {n}, the number of parameters. Received: k={k}.")
    if which not in _ENDS:
        raise InputError(f"`which` must be one of {tuple(_ENDS)}. Received: which={which!r}.")
    check_count(iterations=iterations)
    if not (np.isfinite(tolerance) and tolerance > 0):
        raise InputError(f"`tolerance` must be a positive number. Received: tolerance={tolerance}.")


def _arpack(hessian, k, which, seed, iterations, tolerance):
    n = hessian.shape[0]
    start = np.random.default_rng(seed).standard_normal(n)
    if not hessian.matvec(start).any():
        # ARPACK takes the zero of a zero matrix for a fault of the start.
        return np.zeros(k), np.eye(n, k)
    try:
        return eigsh(hessian, k, which=_ENDS[which], v0=start, maxiter=iterations, tol=tolerance)
    except ArpackNoConvergence as error:
        raise WorkFailed(
            f"{len(error.eigenvalues)} of {k} eigenvalues converged to {tolerance:g} in {iterations} restarts; "
            "allow more `iterations` or a larger `tolerance`."
        ) from error


def _dense(hessian):
    matrix = np.stack([hessian.matvec(row) for row in np.eye(hessian.shape[0])])
    return 0.5 * (matrix + matrix.T)


def _eigenpairs(hessian, values, vectors):
    largest = vectors[np.arange(len(vectors)), np.abs(vectors).argmax(axis=1)]
    vectors = vectors * np.sign(largest)[:, None]
    residuals = [
        np.linalg.norm(hessian.matvec(v) - value * v) for value, v in zip(values, vectors, strict=True)
    ]
    # A zero eigenvalue has no relative residual; the least positive number keeps 0 / 0 at 0.
    return Eigenpairs(values, vectors, np.array(residuals) / np.maximum(np.abs(values), np.finfo(float).tiny))


@dataclass(frozen=True)
class SpectrumEnd:
    """Eigenvalues at one end of the spectrum.

    Attributes:
        values: the outermost first.
        residuals: |H v - lambda v| / |lambda| of each.
        measured: second difference of the loss itself along each eigenvector, per squared length: far from the
            eigenvalue where kinks of the loss add curvature that the Hessian does not have.
    """

    values: list[float]
    residuals: list[float]
    measured: list[float]


@dataclass(frozen=True)
class CurvatureSummary:
    """What is known of the Hessian of the data loss at a solution.

    Attributes:
        method: `"exact"` or `"differences"`, see `Hessian`.
        step: of the differences, as a share of the norm of the weights, or None.
        largest, smallest: the ends of the spectrum.
        trace: its sum.
        density: all of it, smoothed.
    """

    method: str
    step: float | None
    largest: SpectrumEnd
    smallest: SpectrumEnd
    trace: Trace
    density: SpectralDensity


@claiming("path", claimed_file)
def summarise_curvature(
    model: keras.Model,
    x,
    y=None,
    sample_weight=None,
    *,
    k: int = 3,
    trace_probes: int = 20,
    steps: int = 50,
    density_probes: int = 2,
    method: str = "auto",
    seed: int = 0,
    batch_size: int | None = None,
    path: str | os.PathLike | None = None,
    progress: Callable[[int, int], None] | None = None,
    overwrite: bool = False,
) -> CurvatureSummary:
    """Measure the k largest and the smallest eigenvalue, the trace and the spectral density.

    Args:
        model: compiled and built Keras model; it is read only.
        x, y, sample_weight, batch_size: the data, as for `sharpness`.
        k: number of largest eigenvalues.
        trace_probes: random vectors of the trace, >= 2.
        steps, density_probes: those of `spectral_density`.
        method: of the products, see `Hessian`; networks are compared by the same one only.
        seed: integer >= 0.
        path: file (.json) of `sharpness`, to which every part is added when it is known, and from which the same
            call resumes; or None.
        progress: called as `progress(done, total)` in products, of which the total is nominal.
        overwrite: measure again even if `path` has it.

    Raises:
        InputError: an argument out of range, a model that is not compiled or built, a loss that is not finite,
            or a `path` that belongs to another solution.
        WorkFailed: eigenvalues that did not converge.
    """
    batches = as_batches(x, y, sample_weight, batch_size)
    settings = {
        "data": hash_data(*batches.content),
        "samples": batches.num_samples,
        "batch_size": batches.batch_size,
        "k": k,
        "trace_probes": trace_probes,
        "steps": steps,
        "density_probes": density_probes,
        "method": method,
        "seed": int(seed),
    }
    file = SharpnessFile(path, model, overwrite)
    entry = file.entry("hessian", settings, overwrite)
    file.check_earlier(entry, lambda: prepare(model, batches) and loss_at_solution(model, batches))
    parts = {
        "largest": (_USUAL_PRODUCTS, lambda hessian: _end(hessian, k, "largest", seed)),
        "smallest": (_USUAL_PRODUCTS, lambda hessian: _end(hessian, 1, "smallest", seed)),
        "trace": (
            trace_probes,
            lambda hessian: asdict(hessian_trace(hessian, probes=trace_probes, seed=seed)),
        ),
        "density": (steps * density_probes, lambda hessian: _density(hessian, steps, density_probes, seed)),
    }
    missing = {name: part for name, part in parts.items() if name not in entry}
    if missing:
        _measure(
            file, entry, missing, lambda count: Hessian(model, batches, seed=seed, progress=count), progress
        )
    return CurvatureSummary(
        entry["method"],
        entry["step"],
        SpectrumEnd(**entry["largest"]),
        SpectrumEnd(**entry["smallest"]),
        Trace(**entry["trace"]),
        SpectralDensity.smoothed(**entry["density"]),
    )


def _measure(file, entry, parts, make_hessian, progress):
    """Add the parts that are missing."""
    total = sum(usual for usual, _ in parts.values())
    done = before = 0
    usual = 0

    def count(products):
        if progress is not None:
            progress(done + min(products - before, usual), total)

    hessian = make_hessian(count)
    entry |= {
        "method": hessian.method,
        "asymmetry": hessian.asymmetry,
        "step": hessian.step,
        "loss": hessian.loss,
    }
    for name, (usual, measure) in parts.items():
        entry[name] = measure(hessian)
        file.save()
        done, before = done + usual, hessian.products


def _end(hessian, k, which, seed):
    pairs = top_eigenpairs(hessian, min(k, hessian.shape[0]), which=which, seed=seed)
    measured = [hessian.curvature(vector) for vector in pairs.vectors]
    return {"values": pairs.values.tolist(), "residuals": pairs.residuals.tolist(), "measured": measured}


def _density(hessian, steps, probes, seed):
    # Another seed than the trace's, whose vectors it would use again.
    found = spectral_density(hessian, steps=steps, probes=probes, seed=seed + 1)
    return {"nodes": found.nodes.tolist(), "weights": found.weights.tolist(), "sigma": found.sigma}
