"""Trainings by BPGrad that are followed step by step: figures 3.5, 3.6 and 3.20."""

import warnings
from pathlib import Path

import keras
import numpy as np

from tfapp.optimizers import BPGrad
from tfapp.report.result_table import DASH, ResultTable
from tfapp.solvers.bounds.conditions import direction_conditions
from tfapp.solvers.bounds.figures import share_that_holds
from tfapp.solvers.bounds.logger import BoundsLogger
from tfapp.solvers.trainings.workload import objective

RHO = 0.1
FORMS = ("authors", "algorithm-2")


def optimizer_of(form, lipschitz, momentum, steps_per_epoch):
    """Return BPGrad with rho = 0.1 in the form of the authors' code, or of Algorithm 2.

    Args:
        form: One of `FORMS`.
        lipschitz: L.
        momentum: mu, in [0, 1).
        steps_per_epoch: Updates of an epoch, whose losses are averaged in the authors' code.
    """
    options = {"rho": RHO, "momentum": momentum, "form": form}
    if form == "authors":
        options |= {"decay": "in-gradient", "mean_steps": steps_per_epoch}
    return BPGrad(lipschitz, **options)


def follow(workload, form, lipschitz, momentum, *, seed=0, epochs=1, steps=None, progress, **options):
    """Train by BPGrad and record every step.

    Args:
        workload: `tfapp.solvers.trainings.workload.Workload`.
        form, lipschitz, momentum: As for `optimizer_of`.
        seed: Of the initial weights and of the order of the images.
        epochs: Epochs.
        steps: Steps in all, for less than an epoch; None for whole epochs.
        progress: `Progress` to report to.
        **options: Of `BoundsLogger`.

    Returns:
        The `BoundsLogger`, and a list of the sentences that it would warn with.
    """
    batches, per_epoch = workload.training_batches(seed, 0)
    optimizer = optimizer_of(form, lipschitz, momentum, per_epoch)
    model = workload.build_for(optimizer, seed)
    model.compile(optimizer, objective())
    bounds = BoundsLogger(**options)
    in_each = per_epoch if steps is None else min(steps, per_epoch)
    with (
        warnings.catch_warnings(record=True) as caught,
        progress.task("training", in_each * epochs, f"momentum {momentum:g}") as task,
    ):
        warnings.simplefilter("always", UserWarning)
        watcher = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs=None: task.advance())
        fit = {"epochs": epochs, "steps_per_epoch": in_each, "shuffle": False, "verbose": 0}
        model.fit(batches, callbacks=[bounds, watcher], **fit)
    return bounds, [str(warning.message) for warning in caught]


def conditions_row(bounds, form, lipschitz, momentum):
    """Return what holds along a training: a row of `CONDITIONS`.

    Args:
        bounds: `BoundsLogger` that checked condition (3.4) at every step.
        form, lipschitz, momentum: As for `follow`.
    """
    steps, places = bounds.steps, bounds.condition_places
    checked = len(places) - 1
    found = direction_conditions(
        *(places, steps["loss"][:checked], steps["step_size"][:checked], lipschitz, momentum, form)
    )
    shares = (
        (found.share_with_losses[1:].mean(), found.share_without[1:].mean()) if checked > 1 else (np.nan,) * 2
    )
    return (
        f"{momentum:g}",
        f"{checked:,}",
        *(
            f"{share:.1%}"
            for share in (share_that_holds(steps), found.with_losses.mean(), found.without.mean())
        ),
        *(f"{share:.1%}" if np.isfinite(share) else DASH for share in shares),
    )


CONDITIONS = (
    *("momentum", "steps", "(3.4) holds", "(3.13) holds", "(3.15) holds"),
    *("pairs with (3.13)", "pairs with (3.15)"),
)
CONDITION_NOTES = (
    "(3.4), (3.13) and (3.15) are checked at every step t against all steps before it: a condition holds at a step "
    "where it holds for all of them, and the last columns are shares of pairs of steps.",
    "Without momentum both sides of (3.4) are equal wherever the place of the step before decides: a step by eq. 3.12 "
    "ends on the border of its ball. Where they are not, the left one is larger. The text says of this that the right "
    "side is never the larger one without momentum, and never the smaller one with it.",
    "By Theorem 3 condition (3.13) is enough for (3.4) without momentum, and not needed for it.",
)


def bounds_rows(steps, epochs):
    """Return a row for the first and the last epoch of a training: its bounds and their gap.

    Args:
        steps: Columns of `BoundsLogger.steps`.
        epochs: Epochs that were trained.
    """
    rows = []
    for epoch in dict.fromkeys((1, epochs)):
        last = np.flatnonzero(steps["epoch"] == epoch)[-1]
        rows.append((epoch, *(float(steps[name][last]) for name in ("best_loss", "lower_bound", "gap"))))
    return rows


def bounds_table(by_form, published) -> ResultTable:
    """Return the bounds of the first and the last epoch of each form, with the printed gaps beside them.

    Args:
        by_form: From the form to what `bounds_rows` returned.
        published: The printed gaps by epoch; empty where the data are others.
    """
    rows = []
    for form, found in by_form.items():
        for epoch, upper, lower, gap in found:
            printed = f"{published[epoch]:.3f}" if epoch in published and form == "authors" else DASH
            rows.append((form, epoch, f"{upper:.4g}", f"{lower:.4g}", f"{gap:.4g}", printed))
    return ResultTable(("form", "epoch", "upper bound", "lower bound", "gap", "gap, text"), rows)


def file_of(out, name, *suffixes):
    """Return the path of a CSV file of a training."""
    return Path(out) / f"{'-'.join((name, *suffixes))}.csv"
