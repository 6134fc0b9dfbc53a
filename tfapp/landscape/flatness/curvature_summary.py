"""The second opinion beside sharpness: ends, trace and density of the Hessian's spectrum, in one file."""

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass

import keras

from tfapp.landscape.fingerprint import hash_data
from tfapp.landscape.flatness.curvature import top_eigenpairs
from tfapp.landscape.flatness.derivatives import as_batches
from tfapp.landscape.flatness.hessian import Hessian
from tfapp.landscape.flatness.sharpness_file import SharpnessFile
from tfapp.landscape.flatness.spectrum import SpectralDensity, Trace, hessian_trace, spectral_density

# Products that an end of the spectrum usually takes, for the progress bar only.
_USUAL_PRODUCTS = 45


@dataclass(frozen=True)
class End:
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
    largest: End
    smallest: End
    trace: Trace
    density: SpectralDensity


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
    batch_size: int = 8,
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
            call goes on; or None.
        progress: called as `progress(done, total)` in products, of which the total is nominal.
        overwrite: measure again even if `path` has it.

    Raises:
        InputError: an argument out of range, a model that is not compiled or built, a loss that is not finite,
            or a `path` that belongs to another solution.
        WorkFailed: eigenvalues that did not converge.
    """
    batches = as_batches(x, y, sample_weight, batch_size)
    settings = {
        "data": hash_data(*batches.slice(0, batches.num_samples)),
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
        End(**entry["largest"]),
        End(**entry["smallest"]),
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
