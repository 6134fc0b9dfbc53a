"""Surfaces from above as PNG files: contours, the trajectory of a training, solutions by their names."""

import os
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from tfapp.landscape.figures.panels import (
    common_scale,
    common_window,
    make_panels,
    tick_label,
    window_ticks,
)
from tfapp.landscape.figures.plots import label_bar
from tfapp.landscape.grid import Grid
from tfapp.report.colours import SEQUENTIAL, SOLUTION
from tfapp.report.figures import save_png

_PATH = "#ff9f1c"
_HALO = [withStroke(linewidth=2.5, foreground="black", alpha=0.6)]
# Beyond this ratio of its sides a window to scale would be a strip.
_MOST_OBLONG = 3.0
# Half the width of a number on a contour line, as a share of the side of a window.
_EDGE = 0.03


def save_contour_png(surface: Grid, path: str | os.PathLike, title: str | None = None) -> None:
    """Draw the surface from above: filled contours, labelled lines, the solution marked.

    Where the loss spans decades, the levels are spaced evenly in its logarithm. The checkpoints of a PCA plane
    are drawn as a path; solutions on a plane through them are marked with their names.

    Args and errors as for `save_surface_png`; cells whose loss was not finite stay grey.
    """
    save_contours_png([surface], [title or "Loss around the solution"], path)


def save_contours_png(surfaces: Sequence[Grid], titles: Sequence[str], path: str | os.PathLike) -> None:
    """Draw several surfaces from above beside one another with common axes, levels and colours.

    Args and errors as for `save_side_by_side_png`.
    """
    panels = make_panels(surfaces, titles)
    scale, window = common_scale(panels), common_window(panels)
    figure = Figure(figsize=(5.1 * len(panels) + 1.2, 5.7), layout="compressed")
    columns = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, panel in zip(columns, panels, strict=True):
        filled = _draw_contours(axes, panel, scale)
        if panel.is_path:
            _draw_path(axes, panel.points)
        elif len(panel.points):
            _name_solutions(axes, panel)
        if panel.has_solution:
            axes.plot(0, 0, "*", color=SOLUTION, ms=15, markeredgecolor="white", label="solution", zorder=6)
        _label_axes(axes, panel, window)
    _add_legend(figure, columns)
    label_bar(figure.colorbar(filled, ax=list(columns), pad=0.02), scale)
    save_png(figure, path, crop=True)


def _draw_contours(axes, panel, scale):
    # Rows of an image run along its vertical axis, rows of the surface along alpha.
    grid = panel.alphas, panel.betas, np.ma.masked_invalid(scale.transform(panel.loss).T)
    if np.ma.is_masked(grid[2]):
        _draw_ground(axes, panel)
    filled = axes.contourf(*grid, np.linspace(*scale.limits, 65), cmap=SEQUENTIAL)
    lines = {"colors": "white", "linestyles": "solid"}
    axes.contour(*grid, np.linspace(*scale.limits, 25), linewidths=0.4, alpha=0.35, **lines)
    labels = {float(scale.transform(tick)): tick_label(tick) for tick in scale.ticks()}
    drawn = axes.contour(*grid, sorted(labels), linewidths=0.9, **lines)
    _hide_cut(axes.clabel(drawn, fmt=labels, fontsize=8, inline_spacing=3), panel)
    return filled


def _hide_cut(texts, panel):
    """Hide the numbers of lines that the frame would cut."""
    corner, opposite = (np.array([axis[end] for axis in (panel.alphas, panel.betas)]) for end in (0, -1))
    for text in texts:
        place = (np.array(text.get_position()) - corner) / (opposite - corner)
        text.set_visible(bool(np.all(np.abs(place - 0.5) < 0.5 - _EDGE)))


def _draw_ground(axes, panel):
    corner, opposite = (panel.alphas[0], panel.betas[0]), (panel.alphas[-1], panel.betas[-1])
    sides = np.subtract(opposite, corner)
    axes.add_patch(Rectangle(corner, *sides, facecolor="0.85", zorder=0))
    axes.plot([], [], "s", color="0.85", markeredgecolor="0.6", markersize=10, label="not finite")


def _draw_path(axes, points):
    axes.plot(*points.T, "-", color=_PATH, linewidth=1.8, zorder=4, path_effects=_HALO)
    axes.plot(
        *points.T, "o-", color=_PATH, ms=4, markeredgecolor="black", mew=0.5, zorder=5, label="trajectory"
    )
    axes.plot(*points[0], "s", color=_PATH, ms=9, markeredgecolor="black", zorder=5, label="start")


def _name_solutions(axes, panel):
    for index, point in enumerate(panel.points):
        axes.plot(*point, "o", color="white", ms=7, markeredgecolor="black", zorder=5)
        if index < len(panel.point_names) and panel.point_names[index]:
            name = {"textcoords": "offset points", "color": "white", "path_effects": _HALO, "zorder": 7}
            axes.annotate(panel.point_names[index], point, (0, 10), ha="center", annotation_clip=True, **name)


def _label_axes(axes, panel, window):
    axes.set(xlim=window[0], ylim=window[1])
    axes.set_xlabel(panel.labels[0], fontsize=9.5)
    axes.set_ylabel(panel.labels[1], fontsize=9.5)
    sides = sorted(high - low for low, high in window)
    axes.set_aspect("equal" if sides[1] <= _MOST_OBLONG * sides[0] else "auto")
    axes.xaxis.set_ticks(*window_ticks(*window[0]))
    axes.yaxis.set_ticks(*window_ticks(*window[1]))
    axes.set_title(panel.title, fontsize=13, pad=19 if panel.note else 6)
    axes.text(0.5, 1.015, panel.note, transform=axes.transAxes, ha="center", va="bottom", fontsize=8)


def _add_legend(figure, columns):
    """Explain the marks of all panels once, below them."""
    marks = {}
    for axes in columns:
        handles, labels = axes.get_legend_handles_labels()
        marks |= dict(zip(labels, handles, strict=True))
    if marks:
        figure.legend(marks.values(), marks, loc="outside lower center", ncols=len(marks), frameon=False)
