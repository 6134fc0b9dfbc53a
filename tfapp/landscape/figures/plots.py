"""Surfaces in perspective and losses along lines as PNG files."""

import os
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from tfapp.errors import InputError
from tfapp.landscape.figures.panels import (
    LossScale,
    common_label,
    common_scale,
    common_window,
    make_panels,
    rows_and_columns,
    step_units,
    tick_label,
    window_ticks,
)
from tfapp.landscape.grid import Grid
from tfapp.report.colours import SEQUENTIAL, SOLUTION, qualitative
from tfapp.report.figures import save_png

_PANEL, _BAR = 5.2, 0.9  # inches: the side of one picture, the width of the colour bar with its label
BAND = 1.96  # standard errors of a 95 % band of a mean


def save_surface_png(surface: Grid, path: str | os.PathLike, title: str | None = None) -> None:
    """Draw the surface in perspective, height and colour the loss, the solution marked.

    The axis of the loss is logarithmic where the largest loss is more than 10 times the smallest. A surface
    that is not complete is drawn at the finest mesh that is.

    Args:
        surface: complete or partly measured `Surface`.
        path: PNG file, written by write-then-rename.
        title: line above the figure.

    Raises:
        InputError: fewer than 3 x 3 points are measured, or none is finite.
    """
    save_side_by_side_png([surface], [title or "Loss around the solution"], path)


def save_side_by_side_png(
    surfaces: Sequence[Grid], titles: Sequence[str], path: str | os.PathLike, *, columns: int | None = None
) -> None:
    """Draw several surfaces in perspective beside one another with common axes and one colour bar.

    Args:
        surfaces: one or more surfaces, of any size and range; the axes hold the windows of all.
        titles: one line for each.
        path: PNG file, written by write-then-rename.
        columns: surfaces in a row, >= 1; None for all.

    Raises:
        InputError: no surface, as many titles as surfaces are not given, or nothing to draw.
    """
    panels = make_panels(surfaces, titles)
    scale, window = common_scale(panels), common_window(panels)
    columns, rows = rows_and_columns(len(panels), columns)
    figure = Figure(figsize=(_PANEL * columns + _BAR, _PANEL * rows))
    # A 3-D box leaves room within its axes, so that neighbouring axes may touch.
    width, height = _PANEL / figure.get_figwidth(), 1 / rows
    for index, panel in enumerate(panels):
        row, column = divmod(index, columns)
        place = (column * width, 1 - (row + 1) * height, width, 0.9 * height)
        axes = figure.add_axes(place, projection="3d", computed_zorder=False)
        drawn = _draw_surface(axes, panel, scale, window)
        axes.set_title(panel.title, y=1.01, fontsize=13)
    middle = 0.5 - 0.25 * height
    bar = figure.add_axes(((columns + 0.01) * width, middle - 0.03 * height, 0.03 * width, 0.5 * height))
    label_bar(figure.colorbar(drawn, cax=bar), scale)
    save_png(figure, path, crop=True)


def _draw_surface(axes, panel, scale, window):
    low, high = scale.limits
    heights = scale.transform(panel.loss).T
    x, y = np.meshgrid(panel.alphas, panel.betas)
    options = {"cmap": SEQUENTIAL, "vmin": low, "vmax": high}
    # A floor of contours shows the shape of the basin, which the walls in front may hide.
    floor = low - 0.28 * (high - low)
    levels = np.linspace(low, high, 13)
    axes.contour(x, y, np.ma.masked_invalid(heights), levels, offset=floor, linewidths=0.9, **options)
    drawn = axes.plot_surface(
        x, y, heights, rstride=1, cstride=1, linewidth=0.25, edgecolor=(1, 1, 1, 0.35), zorder=2, **options
    )
    if panel.has_solution:
        _mark_solution(axes, panel.centre, scale, floor)
    _label_box(axes, panel, scale, window, (floor, high))
    return drawn


def _label_box(axes, panel, scale, window, heights):
    for axis, label, limits in zip((axes.xaxis, axes.yaxis), panel.labels, window, strict=True):
        axis.set_label_text(label, fontsize=8.5, linespacing=1.3)
        axis.labelpad = 9
        axis.set_ticks(*window_ticks(*limits))
    axes.set(xlim=window[0], ylim=window[1], zlim=heights)
    axes.set_zticks([float(scale.transform(t)) for t in scale.ticks()], map(tick_label, scale.ticks()))
    axes.tick_params(labelsize=8, pad=1)
    axes.view_init(elev=27, azim=-58)
    axes.set_box_aspect((1, 1, 0.8), zoom=0.9)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_pane_color((0.97, 0.97, 0.98, 1.0))


def _mark_solution(axes, centre, scale, floor):
    height = float(scale.transform(centre))
    # Drawn over the walls on purpose: the solution is what one looks for.
    axes.plot([0, 0], [0, 0], [floor, height], color=SOLUTION, linewidth=1.2, linestyle=":", zorder=9)
    axes.plot([0], [0], [height], "o", color=SOLUTION, markersize=6, markeredgecolor="white", zorder=10)
    axes.plot([], [], "o", color=SOLUTION, markeredgecolor="white", label=f"solution, loss {centre:.4g}")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0.955), fontsize=9, frameon=False, handletextpad=0)


def label_bar(bar, scale) -> None:
    """Put the ticks of a `LossScale` on a colour bar."""
    bar.set_ticks([float(scale.transform(tick)) for tick in scale.ticks()])
    bar.set_ticklabels([tick_label(tick) for tick in scale.ticks()])
    bar.set_label("loss (logarithmic)" if scale.log else "loss")


def save_curves_png(surfaces: Sequence[Grid], titles: Sequence[str], path: str | os.PathLike) -> None:
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
        _draw_line(axes, surface, title, qualitative(index))
    if scale.log:
        axes.set_yscale("log")
    axes.set(xlabel=common_label(surfaces), ylabel="loss")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    save_png(figure, path, crop=True)


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
