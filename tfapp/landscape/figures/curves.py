"""Losses along lines as a PNG file, with confidence bands."""

import os
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from tfapp.errors import InputError
from tfapp.landscape.figures.axis_labels import common_label, step_units
from tfapp.landscape.figures.plots import save_figure
from tfapp.landscape.figures.scale import LossScale
from tfapp.landscape.surface import Surface

BAND = 1.96  # standard errors of a 95 % band of a mean


def save_curves_png(surfaces: Sequence[Surface], titles: Sequence[str], path: str | os.PathLike) -> None:
    """Draw the losses of one or more lines in one diagram, on a logarithmic axis where they span decades.

    Lines that hold standard errors get the band of 1.96 of these around them: where the mean over all images
    would be at this point, not where the lowest point of the curve is. Solutions on a line (its end points, the
    checkpoints of a trajectory) are marked.

    Args:
        surfaces: lines, as `landscape(..., line=True)` returns them, measured or partly measured.
        titles: one name for each.
        path: PNG file, written by write-then-rename.

    Raises:
        InputError: no line, as many titles as lines are not given, a surface over a plane, or no finite loss.
    """
    _check(surfaces, titles)
    scale = LossScale.common([surface.loss for surface in surfaces])
    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    axes = figure.add_subplot()
    for index, (surface, title) in enumerate(zip(surfaces, _with_units(surfaces, titles), strict=True)):
        _draw_line(axes, surface, title, f"C{index}")
    if scale.log:
        axes.set_yscale("log")
    axes.set(xlabel=common_label(surfaces), ylabel="loss")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    save_figure(figure, path)


def _check(surfaces, titles):
    if not surfaces or len(surfaces) != len(titles):
        raise InputError(
            "Expected one title for each of one or more lines. "
            f"Received: {len(surfaces)} lines, {len(titles)} titles."
        )
    shapes = [surface.loss.shape for surface in surfaces if surface.loss.shape[1] != 1]
    if shapes:
        raise InputError(
            f"Expected lines, of one beta. Received: a surface of shape {shapes[0]}; draw it as one."
        )


def _with_units(surfaces, titles):
    """Say in the legend how long a step is where the axis cannot, because the lines differ in that."""
    units = [step_units(surface)[0] for surface in surfaces]
    if len(set(units)) == 1:
        return titles
    return [f"{title} ({unit})" if unit else title for title, unit in zip(titles, units, strict=True)]


def _draw_line(axes, surface, title, colour):
    alphas, loss, error = surface.alphas, surface.loss[:, 0], surface.standard_error[:, 0]
    known = np.isfinite(loss)
    axes.plot(alphas[known], loss[known], color=colour, label=title)
    if np.isfinite(error).any():
        low = np.maximum(loss - BAND * error, loss[known].min() * 0.5)
        axes.fill_between(alphas, low, loss + BAND * error, color=colour, alpha=0.2, linewidth=0)
    directions = surface.metadata.get("directions", {})
    names = directions.get("point_names") or []
    for index, (alpha, *_) in enumerate(directions.get("points") or []):
        if alphas[0] <= alpha <= alphas[-1]:
            height = np.interp(alpha, alphas[known], loss[known])
            axes.plot(alpha, height, "o", color=colour, markeredgecolor="white")
            if index < len(names) and names[index]:
                axes.annotate(names[index], (alpha, height), (4, 6), textcoords="offset points", fontsize=9)
