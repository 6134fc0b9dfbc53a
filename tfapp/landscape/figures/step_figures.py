"""Loss and gradient along the gradient step, and covariate shift, along trainings: a picture and a table."""

import math

import numpy as np
from matplotlib.figure import Figure

from tfapp.errors import InputError
from tfapp.report.colours import qualitative
from tfapp.report.figures import save_png
from tfapp.report.result_table import DASH, ResultTable

# Columns of a measurement, besides those of single layers.
COLUMNS = (
    *("updates", "loss", "gradient", "loss_min", "loss_max", "change_min", "change_max", "smoothness"),
    *("shift", "relative_shift", "cosine", "mean_loss", "accuracy"),
)
# Of a panel: its title, the columns of its line and of its band.
_PANELS = (
    ("loss, range along the step", "loss", ("loss_min", "loss_max")),
    ("change of the gradient along the step", None, ("change_min", "change_max")),
    ("effective smoothness β", "smoothness", None),
    ("covariate shift / gradient", "relative_shift", None),
)

# What the columns of `steps_table` are.
READING = (
    "Medians over the measurements: the largest loss less the least one over the step sizes, the largest change of the "
    "gradient, that as a share of its norm, and the effective smoothness β, the largest change over the distance: the "
    "larger, the less smooth.",
    "Covariate shift is the change of a layer's gradient after the layers before it were updated, the mean over the "
    "measured layers; then as a share of its gradient, and the cosine between both.",
    "After S. Santurkar, D. Tsipras, A. Ilyas, A. Madry, How Does Batch Normalization Help Optimization?, NeurIPS "
    "2018.",
)


def save_steps_png(groups, path, title=None) -> None:
    """Draw what was measured along trainings over their updates, logarithmically.

    Args:
        groups: From the name of a row of panels to a dictionary from names of trainings to their rows, dictionaries
            with `COLUMNS`. What is infinite or 0 is left out, and so are, unless there is nothing else, measurements
            with which a training diverged, whose `mean_loss` is infinite: its name says so.
        path: PNG file, written by write-then-rename.
        title: Line above the figure, or None.

    Raises:
        InputError: Nothing was measured.
    """
    if not any(rows for trainings in groups.values() for rows in trainings.values()):
        raise InputError("Expected at least one measured step to draw. Received: none.")
    figure = Figure(figsize=(16, 0.4 + 3.4 * len(groups)), layout="constrained")
    axes = figure.subplots(len(groups), len(_PANELS), squeeze=False)
    for line, (name, trainings) in zip(axes, groups.items(), strict=True):
        for panel, (label, middle, band) in zip(line, _PANELS, strict=True):
            for number, (training, rows) in enumerate(trainings.items()):
                told = training + ", diverges" * (len(_kept(rows)) < len(rows))
                shown = _kept(rows) if any(map(_kept, trainings.values())) else rows
                _draw(panel, shown, middle, band, qualitative(number), told)
            panel.set(xlabel="updates", yscale="log", title=label)
            panel.grid(alpha=0.3)
        if name:
            line[0].set_ylabel(name, fontweight="bold")
        handles, labels = line[0].get_legend_handles_labels()
        place = {"loc": "center left", "bbox_to_anchor": (1.02, 0.5)}
        line[-1].legend(handles, labels, fontsize=8, frameon=False, **place)
    if title:
        figure.suptitle(title)
    save_png(figure, path)


def _kept(rows):
    return [row for row in rows if math.isfinite(row["mean_loss"])]


def _draw(axes, rows, middle, band, colour, label):
    updates = np.array([row["updates"] for row in rows], float)
    columns = {name: _shown(rows, name) for name in (*([middle] if middle else ()), *(band or ()))}
    if band:
        low, high = (columns[name] for name in band)
        axes.fill_between(updates, low, high, color=colour, alpha=0.2, lw=0)
    if middle:
        axes.plot(updates, columns[middle], ".-", color=colour, lw=1.2, ms=4, label=label)
    else:
        for name in band:
            axes.plot(updates, columns[name], color=colour, lw=0.8)


def _shown(rows, name):
    values = np.array([row[name] for row in rows], float)
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)


def steps_table(groups, diverged=()) -> ResultTable:
    """Return a row for each training: medians over its measurements, and what it came to.

    Args:
        groups: As for `save_steps_png`.
        diverged: Pairs (name of the row of panels, name of the training) of those whose loss was no longer finite.
    """
    header = (
        *("network", "training", "measured", "first loss", "last mean loss", "last accuracy %"),
        *("range of the loss", "change of the gradient", "change / gradient", "smoothness β"),
        *("covariate shift", "shift / gradient", "cosine"),
    )
    rows = [
        (name, training, *_cells(found, (name, training) in diverged))
        for name, trainings in groups.items()
        for training, found in trainings.items()
    ]
    return ResultTable(header, rows)


def _cells(rows, has_diverged):
    if not rows:
        return ("diverged before the first", *[DASH] * 10)
    last = rows[-1]
    ranges = [row["loss_max"] - row["loss_min"] for row in rows]
    changes = [row["change_max"] for row in rows]
    relative = [row["change_max"] / row["gradient"] if row["gradient"] else math.nan for row in rows]
    medians = (
        ranges,
        changes,
        relative,
        *([row[name] for row in rows] for name in ("smoothness", "shift", "relative_shift", "cosine")),
    )
    return (
        f"{len(rows)}, then diverged" if has_diverged else len(rows),
        f"{rows[0]['loss']:.3g}",
        *((DASH, DASH) if has_diverged else (f"{last['mean_loss']:.3g}", f"{100 * last['accuracy']:.1f}")),
        *(_median(values) for values in medians),
    )


def _median(values):
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return DASH
    value = np.sort(known)[(len(known) - 1) // 2] if math.inf in known else np.median(known)
    return f"{value:.3g}" if math.isfinite(value) else "infinite"


def measurements_table(groups) -> ResultTable:
    """Return a row for each measurement, without the columns of single layers, as a file of numbers.

    Args:
        groups: As for `save_steps_png`.
    """
    rows = [
        (name, training, *(row[column] for column in COLUMNS))
        for name, trainings in groups.items()
        for training, found in trainings.items()
        for row in found
    ]
    return ResultTable(("network", "training", *COLUMNS), rows)
