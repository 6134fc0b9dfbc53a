"""Checks before a surface is measured, and what is printed with it, so that one can trust it."""

import warnings

import keras
import numpy as np
import tensorflow as tf

from tfapp.errors import InputError
from tfapp.landscape.attached import has_attached
from tfapp.landscape.directions.untrained import used_in_inference
from tfapp.landscape.fingerprint import METRICS, hash_weights
from tfapp.landscape.one_line import one_line
from tfapp.landscape.point_loss import scalar_metrics
from tfapp.landscape.samples import Source
from tfapp.landscape.window import first_stride, nodes

# Two compiled graphs of one float32 model differ by rounding, far less than this.
CENTRE_TOLERANCE = 1e-3


def check_surface(surface, evaluated: float, model) -> dict:
    """Return the self-check of a surface, in types that JSON knows.

    Args:
        surface: the `Surface`.
        evaluated: the loss of `model.evaluate`.
        model: the model, whose weights must be those of the start.
    """
    directions = surface.metadata["directions"]
    return {
        **directions["metadata"],
        "relative_length_u": directions["relative"][0],
        "relative_length_v": directions["relative"][1],
        "evaluate": evaluated,
        "centre": surface.centre,
        "centre_minus_evaluate": surface.centre - evaluated,
        "weights_untouched": hash_weights(model) == surface.metadata["key"]["weights"],
        "nan_cells": surface.num_nan,
        "minimum": surface.extreme(np.nanargmin),
        "maximum": surface.extreme(np.nanargmax),
    }


def warn_of(check: dict, reestimated: bool = False) -> None:
    """Warn of what makes a surface untrue; with re-estimated statistics the centre is not that of `evaluate`."""
    if not reestimated and not _same(check["centre"], check["evaluate"]):
        warnings.warn(
            f"The loss at the solution is {check['centre']:.6g}, but `model.evaluate` says "
            f"{check['evaluate']:.6g}; the surface does not show the loss that was trained. Do the data "
            "differ from reading to reading, or does the model override `evaluate`?",
            stacklevel=3,
        )
    if not check["weights_untouched"]:
        warnings.warn("The weights of the model changed while its surface was measured.", stacklevel=3)


def check_arguments(model: keras.Model, n, seed, tolerance, budget) -> None:
    """Refuse numbers that `landscape` does not take, and a model that is not compiled or not built."""
    if n < 3:
        raise InputError(f"`n` must be at least 3. Received: n={n}.")
    if seed < 0:
        raise InputError(f"`seed` must be an integer >= 0. Received: seed={seed}.")
    if not 0 < tolerance < 1:
        raise InputError(f"`tolerance` must be a share between 0 and 1. Received: tolerance={tolerance}.")
    if budget is not None and not budget > 0:
        raise InputError(f"`budget` must be a positive number of seconds. Received: budget={budget}.")
    if not (model.built and model.compiled):
        raise InputError(
            f"Expected a compiled and built model. Received: {model.name!r} with compiled={model.compiled}, "
            f"built={model.built}; call `model.compile(loss=...)` and the model itself on one batch first."
        )


def evaluate_solution(model: keras.Model, samples: Source, batch_size: int) -> dict:
    """Return what `model.evaluate` says by name, with the "loss" that every surface is checked against.

    It also lets Keras create the state of the loss, which must not happen inside a stateless scope.

    Args:
        model: compiled Keras model.
        samples: the data, evaluated in the form in which they were given.
        batch_size: of arrays.

    Raises:
        InputError: Keras cannot evaluate the model on these data, or the loss is not finite.
    """
    try:
        figures = samples.evaluated_by(model, batch_size)
    except (TypeError, ValueError, tf.errors.OpError) as error:
        raise InputError(
            f"Expected a model and data that `model.evaluate` takes. Received: {model.name!r} ({one_line(error)})."
        ) from error
    if "loss" not in figures:
        raise InputError(
            f"Expected a model whose `evaluate` reports a loss. Received: {model.name!r}, which reports "
            f"{sorted(figures)}."
        )
    loss = figures["loss"]
    if not np.isfinite(loss):
        raise InputError(
            f"Expected a finite loss at the solution to draw what is around it. Received: {loss}; look at the "
            "weights and the data of the model."
        )
    return figures


def warn_of_left_out(model: keras.Model, evaluated: dict) -> None:
    """Warn of figures that `model.evaluate` gives and a surface does not have, before hours are spent on it.

    Args:
        model: the model, which was evaluated before.
        evaluated: what `evaluate_solution` returned.
    """
    # Of a metric with several results Keras leaves out its own name.
    recorded = {name.rsplit("/", 1)[-1] for name, _ in scalar_metrics(model.get_metrics_result())}
    left_out = {name: np.shape(value) for name, value in evaluated.items() if name not in {"loss", *recorded}}
    if left_out:
        described = " and ".join(
            f"{name!r} ({f'an array of the shape {shape}' if shape else 'no metric of the model'})"
            for name, shape in left_out.items()
        )
        warnings.warn(
            f"`surface.metrics` holds metrics that are one number. It will not hold {described}; compile with a metric "
            "that averages, or with one for each class.",
            stacklevel=3,
        )


def check_earlier(surface, evaluated: float, path, reestimated: bool) -> None:
    """Refuse a stored surface whose centre is not what `model.evaluate` says now.

    Files of earlier versions do not tell the code of the loss, nor did those count the losses that layers add.

    Raises:
        InputError: the centre was measured, and is another one.
    """
    if not reestimated and np.isfinite(surface.centre) and not _same(surface.centre, evaluated):
        raise InputError(
            f"{path} holds a surface of another setting; its loss at the solution is {surface.centre:.6g}, and "
            f"`model.evaluate` says {evaluated:.6g} now. Choose another path, or start again with `overwrite`."
        )


def check_unmoved(directions, model: keras.Model, batch) -> None:
    """Refuse directions to solutions with other weights that are not trained, if the loss depends on these.

    Args:
        directions: the `Directions`.
        model: the first solution, which was evaluated before.
        batch: `(x, y, sample_weight)` of one sample or more.

    Raises:
        InputError: the surface would not meet the other solutions.
    """
    if not directions.unmoved:
        return
    used = used_in_inference(model, batch)
    differing = [path for path in directions.unmoved if path in used]
    if differing:
        more = f" and {len(differing) - 1} more" if len(differing) > 1 else ""
        raise InputError(
            f"Expected solutions that share what is not trained, because directions move trained weights alone. "
            f"Received: solutions that differ in {differing[0]!r}{more}; load the same ones into both, make them "
            f"trainable in both, or give the list of the trainable weights to keep those of {model.name!r}."
        )


def check_reestimated(surface, loss: float, path) -> None:
    """Refuse a stored surface of an earlier version that estimated the moving statistics otherwise.

    Args:
        surface: the `Surface` of a file, measured with `reestimate`.
        loss: that of the solution with statistics as they are estimated now.
        path: the file.

    Raises:
        InputError: the centre is another one.
    """
    if not _same(surface.centre, loss):
        raise InputError(
            f"{path} was measured by an earlier version, which did not estimate the moving statistics of this model "
            f"rightly; its loss at the solution is {surface.centre:.6g}, and it is {loss:.6g} now. Choose another "
            "path, or start again with `overwrite`."
        )


def warn_of_standard_errors(surface, prediction, path) -> None:
    """Warn of standard errors of an earlier version, which left out what Keras attaches to predictions.

    Args:
        surface: the `Surface` of a file.
        prediction: of the model, for any sample.
        path: the file.
    """
    if np.isfinite(surface.standard_error).any() and any(map(has_attached, keras.tree.flatten(prediction))):
        warnings.warn(
            f"The standard errors in {path} were measured by an earlier version without the masks and the logits that "
            "Keras keeps with predictions; to measure them anew, start again with `overwrite`.",
            stacklevel=3,
        )


def warn_of_missing_metrics(surface, model: keras.Model, path) -> None:
    """Warn of metrics that the model has and a stored surface, or its points of before, does not.

    Files of earlier versions do not tell which metrics were asked for; those of this version are refused then.

    Args:
        surface: the `Surface` of a file.
        model: the model, which was evaluated before.
        path: the file.
    """
    if METRICS in surface.metadata["key"] or not surface.num_measured:
        return
    asked = [
        name for name, value in model.get_metrics_result().items() if name != "loss" and np.ndim(value) == 0
    ]
    missing = [
        name
        for name in asked
        if name not in surface.metrics or np.isnan(surface.metrics[name][surface.measured]).all()
    ]
    if missing:
        warnings.warn(
            f"{path} was measured by an earlier version without {' and '.join(missing)}, which its "
            f"{surface.num_measured} measured points do not have; to measure it, start again with `overwrite`.",
            stacklevel=3,
        )


def _same(loss, evaluated):
    return abs(loss - evaluated) <= CENTRE_TOLERANCE * max(abs(evaluated), 1e-6)


def spot_check(surface, evaluate_in_float32) -> dict:
    """Measure a few cells in float32 too.

    The corners and two points half-way to them: all of the first lattice, which every plan measures. And the
    solution, where the loss is least and the rounding of the layers is largest beside it.

    Args:
        surface: the `Surface`, complete.
        evaluate_in_float32: function of a list of points (alpha, beta) that yields (index, figures) for each.

    Returns:
        `points`: how many cells were compared, those where either loss is not finite left out.
        `max_deviation`: the largest |bfloat16 - float32|.
        `max_deviation_share`: that as a share of the range of the measured losses.
    """
    cells = spot_cells(surface)
    points = [(surface.alphas[i], surface.betas[j]) for i, j in cells]
    reference = np.full(len(cells), np.nan)
    for index, figures in evaluate_in_float32(points):
        reference[index] = figures["loss"]
    deviations = np.abs([surface.loss[cell] for cell in cells] - reference)
    deviations = deviations[np.isfinite(deviations)]
    largest = float(deviations.max(initial=0.0))
    span = float(np.ptp(surface.loss[surface.measured & np.isfinite(surface.loss)]))
    share = largest / span if span > 0 else 0.0
    return {"points": len(deviations), "max_deviation": largest, "max_deviation_share": share}


def spot_cells(surface) -> list[tuple[int, int]]:
    """Return at most seven measured cells (i, j), each once."""
    rows, columns = (nodes(count, first_stride(count)) for count in surface.loss.shape)
    shares = [(0, 0), (0, 1), (1, 0), (1, 1), (0.25, 0.25), (0.75, 0.25), (0.5, 0.5)]
    cells = [(_at(rows, a), _at(columns, b)) for a, b in shares]
    return [cell for cell in dict.fromkeys(cells) if surface.measured[cell]]


def _at(indices, share):
    return int(indices[round(share * (len(indices) - 1))])
