"""Loss around a solution on a grid, with the checks that make the picture trustworthy.

Algorithm 1 of Lu and Tong: two random directions u and v, and the loss at w + alpha*u + beta*v for every
(alpha, beta) of a grid. Here most points of a smooth surface are predicted from the others, and the error of
that is measured.

References:
    Jianjie Lu, Kai-yu Tong: Visualized Insights into the Optimization Landscape of Fully Convolutional
    Networks. arXiv, January 2019.
"""

import os
from collections.abc import Callable
from dataclasses import asdict
from functools import partial

import keras
import numpy as np
import tensorflow as tf

from tfapp.claims import claimed_file, claiming
from tfapp.landscape.adaptive import AdaptivePlan, Prediction, predict
from tfapp.landscape.batch_size import warn_of_batch_size, warn_of_statistics
from tfapp.landscape.checks import (
    check_arguments,
    check_earlier,
    check_reestimated,
    check_surface,
    check_unmoved,
    evaluate_solution,
    spot_check,
    warn_of,
    warn_of_left_out,
    warn_of_missing_metrics,
    warn_of_standard_errors,
)
from tfapp.landscape.directions.directions import (
    Directions,
    directions_request,
    keep_directions,
    kept_directions,
)
from tfapp.landscape.directions.loss_directions import make_directions
from tfapp.landscape.fingerprint import (
    BATCHES,
    CURRENT_METHOD,
    METHOD,
    code_hashes,
    hash_data,
    hash_directions,
    hash_loss,
    hash_model,
    hash_weights,
    is_told,
    resume,
)
from tfapp.landscape.measure import LocalEvaluator, Measuring, figures_at
from tfapp.landscape.point_loss import make_bare_forward, point_loss_that_runs, predict_batch
from tfapp.landscape.precision import FLOAT32, check_compute_dtype, check_forward
from tfapp.landscape.samples import BATCH_SIZE, read
from tfapp.landscape.surface import Surface
from tfapp.landscape.window import coarse_to_fine, first_stride, lattice_cells, resolve
from tfapp.workers import check_dask


@claiming("path", claimed_file)
def landscape(
    model: keras.Model,
    x,
    y=None,
    sample_weight=None,
    *,
    n: int = 33,
    range=1.0,
    seed: int = 0,
    exact: bool = False,
    tolerance: float = 0.01,
    directions: str | Directions = "filter",
    layers=None,
    biases: bool = False,
    line: bool = False,
    sample_errors: bool = False,
    reestimate: bool = False,
    batch_size: int | None = None,
    budget: float | None = None,
    path: str | os.PathLike | None = None,
    progress: Callable[[int, int], None] | None = None,
    overwrite: bool = False,
    dask: str | None = None,
    jit_compile: bool = False,
    compute_dtype: str = FLOAT32,
) -> Surface:
    """Measure the loss of a compiled Keras model on a plane, or a line, through its solution.

    The model is not changed. Points are measured from a coarse lattice to finer ones, where the surface is not
    smooth enough to be predicted (`adaptive`), or all of them with `exact`. With `path`, the surface is saved
    every two seconds and when the run ends for whatever reason, and the same call resumes where it stopped.
    Layers run in inference mode with their stored moving statistics.

    Args:
        model: compiled and built Keras model.
        x, y, sample_weight: samples, targets and weights (or None), as for `model.evaluate`: arrays, nests of
            arrays with the samples on the first axis, or as `x` a `tf.data.Dataset`, a `keras.utils.PyDataset` or a
            generator of batches, which may differ in shape. It keeps its batches, and f(0, 0) is what
            `model.evaluate` says of it. All is kept in memory as tensors.
        n: points along each axis, >= 3. With an odd number the solution is one of them; with an even one it is
            measured beside the grid.
        range: half width of the window, > 0, or its limits (low, high), or a pair of those. For directions
            normalised by filter or layer relative: 1 moves every filter by 100 % of its norm. "auto": 1, or for
            directions with `points` (a trajectory, two or three solutions) what holds them with a margin.
        seed: integer >= 0, of the directions and of the points that are held out.
        exact: measure every point.
        tolerance: largest error of predicted points that is aimed at, as a share of the range of the losses.
        directions: "filter", "unit-filter", "lu-tong", "layer", "gradient", "hessian", a file or `Directions`; see
            `make_directions`.
        layers, biases: limit random directions to layers of these names; move biases too.
        line: only u; then every point is measured.
        sample_errors: also estimate the standard error of the loss from the losses of single samples.
        reestimate: estimate the moving statistics of batch normalisation anew at every point, by one more pass
            over the data in which batch normalisation alone is in training mode. They are the mean over the batches,
            and over the calls of a layer that is used several times. The centre then differs from `model.evaluate`.
        batch_size: samples per forward pass of arrays, >= 1; None: 8, and a warning if the loss depends on it (sum
            reductions, Dice, losses that layers add). Data with batches of their own keep them.
        budget: seconds after which no more points are begun; the same call resumes later.
        path: file of the surface (.npz), or None to keep it in memory only. Directions "gradient" and "hessian"
            are kept beside it, in NAME-directions.npz, for the same call to resume with.
        progress: called as `progress(measured, expected)` after every point.
        overwrite: start again even if `path` holds a surface.
        dask: address of a Dask scheduler whose workers measure the points, or "local" for a cluster of this
            machine; None to measure them here.
        jit_compile: compile the point by XLA.
        compute_dtype: "bfloat16" lets the hidden layers compute in it, which some processors do twice as fast;
            weights, loss and sums keep their precision. The solution and a few points of the surface are
            measured in float32 too, and `metadata["spot_check"]` says how far they are apart. "float32" leaves
            every layer its own precision.

    Returns:
        The `Surface`, complete unless the budget ended before the first lattice. `metadata["self_check"]`
        compares f(0, 0) with `model.evaluate`, `metadata["prediction"]` gives the measured error of predicted
        points, and `metadata["timing"]` the seconds of a point with those of a bare forward pass.

    Raises:
        InputError: an argument out of range, a model that is not compiled or not built, a loss at the solution
            that is not finite or cannot be evaluated, no finite loss around it, a layer whose filters are
            unknown or that cannot compute in `compute_dtype`, directions of another model or to solutions that
            differ in weights that are not trained, a Dask scheduler that does not answer, or a `path` that
            holds the surface of another setting.
    """
    check_arguments(model, n, seed, tolerance, budget)
    check_compute_dtype(compute_dtype)
    samples = read(x, y, sample_weight)
    chosen = batch_size or BATCH_SIZE
    batches = samples.batches(batch_size)
    check_forward(model, batches, compute_dtype)
    hashes = {"weights": hash_weights(model), "data": hash_data(*samples.content)}
    choice = {"seed": seed, "layers": layers, "biases": biases}
    request = directions_request(directions, hashes, **choice)
    directions = kept_directions(path, request, overwrite) or make_directions(
        model, directions, batches=batches, **choice
    )
    line = line or directions.v is None
    range = resolve(range, directions, line)
    key = {
        **hashes,
        "model": hash_model(model),
        "loss": hash_loss(model),
        "directions": hash_directions(directions),
        "samples": batches.num_samples,
        "seed": int(seed),
        "n": int(n),
        "range": np.asarray(range, float).tolist(),
        "line": line,
        "exact": exact or line,
        "tolerance": float(tolerance),
        "sample_errors": sample_errors,
        "reestimate": reestimate,
        "batch_size": int(chosen),
        "compute_dtype": compute_dtype,
        **code_hashes(model),
        BATCHES: samples.own_batches,
        METHOD: CURRENT_METHOD,
    }
    surface = resume(path, key, overwrite) or Surface.empty(n, range, _metadata(key, directions), line=line)
    if surface.metadata.get("finished"):
        if directions.unmoved:
            evaluate_solution(model, samples, chosen)
            check_unmoved(directions, model, batches.slice(0, 1))
        if not is_told(surface.metadata["key"], key):
            check_earlier(surface, evaluate_solution(model, samples, chosen)["loss"], path, reestimate)
            _check_method(surface, model, batches, directions, path)
            warn_of_missing_metrics(surface, model, path)
        return surface

    reported = evaluate_solution(model, samples, chosen)
    evaluated = reported["loss"]
    check_unmoved(directions, model, batches.slice(0, 1))
    check_earlier(surface, evaluated, path, reestimate)
    _check_method(surface, model, batches, directions, path)
    warn_of_missing_metrics(surface, model, path)
    v = directions.v or [np.zeros_like(a) for a in directions.u]
    options = {"sample_errors": sample_errors, "reestimate": reestimate, "jit_compile": jit_compile}
    if dask is None:
        make_point = partial(point_loss_that_runs, model, batches, directions.u, v, **options)
        reference = None if compute_dtype == FLOAT32 else make_point()
        point_loss = make_point(compute_dtype=compute_dtype)
        forward = make_bare_forward(model, batches, compute_dtype, eager=model.run_eagerly)
        evaluator = LocalEvaluator(point_loss, forward, surface.metadata["timing"], reference)
    else:
        options |= {"compute_dtype": compute_dtype}
        evaluator = _dask_cells(dask, model, batches, directions.u, v, **options)
    with evaluator:
        warn_of_batch_size(model, batches, regularisation=True)
        if reestimate:
            corner = float(surface.alphas[-1]), float(surface.betas[-1])
            warn_of_statistics(
                lambda some: point_loss_that_runs(model, some, directions.u, v, reestimate=True),
                batches,
                corner,
            )
        warn_of_left_out(model, reported)
        keep_directions(path, request, directions)
        measuring = Measuring(surface, evaluator.evaluate, path, progress, budget)
        try:
            measuring.centre(None if compute_dtype == FLOAT32 else evaluator.evaluate_in_float32)
            prediction = _measure(surface, measuring)
            surface.metadata |= {"prediction": asdict(prediction), "finished": not measuring.out_of_budget}
            if compute_dtype != FLOAT32 and surface.metadata["finished"]:
                surface.metadata["spot_check"] = spot_check(surface, evaluator.evaluate_in_float32)
        finally:
            surface.metadata["timing"] = evaluator.figures()
            surface.metadata["self_check"] = check_surface(surface, evaluated, model)
            measuring.save()
    warn_of(surface.metadata["self_check"], reestimate)
    return surface


def _check_method(surface, model, batches, directions, path):
    """Refuse or warn of what earlier versions measured in another way.

    Raises:
        InputError: the moving statistics were estimated otherwise.
    """
    key = surface.metadata["key"]
    if METHOD in key or not surface.num_measured:
        return
    if key.get("reestimate") and np.isfinite(surface.centre):
        v = directions.v or [np.zeros_like(a) for a in directions.u]
        point_loss = point_loss_that_runs(model, batches, directions.u, v, reestimate=True)
        check_reestimated(surface, figures_at(point_loss, 0.0, 0.0)["loss"], path)
    if key.get("sample_errors"):
        warn_of_standard_errors(surface, predict_batch(model, batches.slice(0, 1)[0]), path)


def _dask_cells(*args, **options):
    check_dask()
    from tfapp.landscape.measure import DaskCells

    return DaskCells(*args, **options)


def _metadata(key, directions):
    return {
        "key": key,
        "directions": {"kind": directions.kind, "labels": list(directions.labels)}
        | {"relative": [directions.relative_u, directions.relative_v]}
        | {"absolute": [directions.absolute_u, directions.absolute_v], "metadata": directions.metadata}
        | {"points": None if directions.points is None else directions.points.tolist()}
        | {"point_names": list(directions.point_names)},
        "versions": {"tensorflow": tf.__version__, "keras": keras.__version__, "numpy": np.__version__},
        "self_check": {},
        "prediction": {},
        "finished": False,
        "timing": {},
    }


def _measure(surface, measuring):
    """Measure the cells of the plan and predict the others; return the `Prediction`."""
    key = surface.metadata["key"]
    if key["exact"]:
        measuring.cells(coarse_to_fine(*surface.loss.shape), surface.loss.size)
        return Prediction()
    plan = AdaptivePlan(surface.loss, key["tolerance"], key["seed"])
    for cells in plan.rounds():
        if not measuring.cells(cells, surface.num_measured + len(cells)):
            break
    first = lattice_cells(*surface.loss.shape, first_stride(len(surface.loss)))
    if all(surface.measured[cell] for cell in first):
        surface.fill(predict(surface.loss, surface.measured))
    return plan.prediction
