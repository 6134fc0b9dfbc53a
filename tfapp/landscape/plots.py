"""Figures of a surface as PNG files.

Matplotlib's object interface with its own canvas: no window, no global state, safe beside a person's own
figures. A surface that is not complete is drawn at the finest mesh that is; nothing is interpolated.
"""

import os
from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tfapp.errors import InputError
from tfapp.files import atomic_path
from tfapp.landscape.scale import LossScale, tick_label
from tfapp.landscape.surface import Surface

_COLOURS = "viridis"
_MARK = "#d62728"
_DPI = 200
_PANEL, _BAR = 5.2, 0.9  # inches: the side of one picture, the width of the colour bar with its label
_ALPHA, _BETA = "α (relative)", "β (relative)"


def save_surface_png(surface: Surface, path: str | os.PathLike, title: str | None = None) -> None:
    """Draw the surface in perspective, height and colour the loss, the solution marked.

    The axis of the loss is logarithmic where the largest loss is more than 10 times the smallest.

    Args:
        surface: complete or partly measured `Surface`.
        path: PNG file, written by write-then-rename.
        title: line above the figure.

    Raises:
        InputError: fewer than 3 x 3 points are measured, or none is finite.
    """
    save_side_by_side_png([surface], [title or "Loss around the solution"], path)


def save_side_by_side_png(
    surfaces: Sequence[Surface], titles: Sequence[str], path: str | os.PathLike
) -> None:
    """Draw several surfaces in perspective beside one another with one common loss axis and colour bar.

    Args:
        surfaces: one or more surfaces, of any size and range.
        titles: one line for each.
        path: PNG file, written by write-then-rename.

    Raises:
        InputError: no surface, as many titles as surfaces are not given, or nothing to draw.
    """
    grids = checked_grids(surfaces, titles)
    scale = LossScale.common([loss for *_, loss in grids])
    figure = Figure(figsize=(_PANEL * len(grids) + _BAR, _PANEL))
    # A 3-D box leaves room within its axes, so that neighbouring axes may touch.
    width = _PANEL / figure.get_figwidth()
    for index, (grid, title) in enumerate(zip(grids, titles, strict=True)):
        axes = figure.add_axes((index * width, 0.0, width, 0.9), projection="3d", computed_zorder=False)
        drawn = _draw_surface(axes, grid, scale)
        axes.set_title(title, y=1.01, fontsize=13)
    bar = figure.add_axes(((len(grids) + 0.01) * width, 0.22, 0.03 * width, 0.5))
    _label_bar(figure.colorbar(drawn, cax=bar), scale)
    save_figure(figure, path)


def save_contour_png(surface: Surface, path: str | os.PathLike, title: str | None = None) -> None:
    """Draw the surface from above: filled contours, labelled lines, the solution marked.

    Args and errors as for `save_surface_png`; cells whose loss was not finite stay grey.
    """
    alphas, betas, loss = surface.drawable_grid()
    scale = LossScale.common([loss])
    # Rows of an image run along its vertical axis, rows of the surface along alpha.
    heights = np.ma.masked_invalid(scale.transform(loss).T)
    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    axes = figure.add_subplot(facecolor="0.85")
    filled = axes.contourf(alphas, betas, heights, np.linspace(*scale.limits, 65), cmap=_COLOURS)
    lines = {"colors": "white", "linestyles": "solid"}
    axes.contour(alphas, betas, heights, np.linspace(*scale.limits, 25), linewidths=0.4, alpha=0.35, **lines)
    labels = {float(scale.transform(tick)): tick_label(tick) for tick in scale.ticks()}
    drawn = axes.contour(alphas, betas, heights, sorted(labels), linewidths=0.9, **lines)
    axes.clabel(drawn, fmt=labels, fontsize=8, inline_spacing=3)
    axes.plot(0, 0, "*", color=_MARK, markersize=15, markeredgecolor="white", label="solution", zorder=5)
    if np.ma.count_masked(heights):
        axes.plot([], [], "s", color="0.85", markeredgecolor="0.6", markersize=10, label="not finite")
    axes.set(xlabel=_ALPHA, ylabel=_BETA, aspect="equal")
    axes.set_title(title or "Loss around the solution", fontsize=13)
    _tick_window(axes, alphas, betas)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=2, frameon=False)
    _label_bar(figure.colorbar(filled, ax=axes, pad=0.02), scale)
    save_figure(figure, path)


def checked_grids(surfaces: Sequence[Surface], titles: Sequence[str]) -> list[tuple]:
    """Return the drawable `(alphas, betas, loss)` of every surface, or raise `InputError`."""
    if not surfaces or len(surfaces) != len(titles):
        raise InputError(
            "Expected one title for each of one or more surfaces. "
            f"Received: {len(surfaces)} surfaces, {len(titles)} titles."
        )
    return [surface.drawable_grid() for surface in surfaces]


def _draw_surface(axes, grid, scale):
    alphas, betas, loss = grid
    low, high = scale.limits
    heights = scale.transform(loss).T
    x, y = np.meshgrid(alphas, betas)
    options = {"cmap": _COLOURS, "vmin": low, "vmax": high}
    # A floor of contours shows the shape of the basin, which the walls in front may hide.
    floor = low - 0.28 * (high - low)
    levels = np.linspace(low, high, 13)
    axes.contour(x, y, np.ma.masked_invalid(heights), levels, offset=floor, linewidths=0.9, **options)
    drawn = axes.plot_surface(
        x, y, heights, rstride=1, cstride=1, linewidth=0.25, edgecolor=(1, 1, 1, 0.35), zorder=2, **options
    )
    _mark_solution(axes, grid, scale, floor)
    axes.set(xlabel=_ALPHA, ylabel=_BETA, zlim=(floor, high))
    axes.set_zticks([float(scale.transform(t)) for t in scale.ticks()], map(tick_label, scale.ticks()))
    _tick_window(axes, alphas, betas)
    axes.tick_params(labelsize=8, pad=1)
    axes.view_init(elev=27, azim=-58)
    axes.set_box_aspect((1, 1, 0.8), zoom=0.95)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_pane_color((0.97, 0.97, 0.98, 1.0))
    return drawn


def _mark_solution(axes, grid, scale, floor):
    alphas, betas, loss = grid
    centre = loss[len(alphas) // 2, len(betas) // 2]
    if not np.isfinite(centre):
        return
    height = float(scale.transform(centre))
    # Drawn over the walls on purpose: the solution is what one looks for.
    axes.plot([0, 0], [0, 0], [floor, height], color=_MARK, linewidth=1.2, linestyle=":", zorder=9)
    axes.plot([0], [0], [height], "o", color=_MARK, markersize=6, markeredgecolor="white", zorder=10)
    axes.plot([], [], "o", color=_MARK, markeredgecolor="white", label=f"solution, loss {centre:.4g}")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0.955), fontsize=9, frameon=False, handletextpad=0)


def _tick_window(axes, alphas, betas):
    """Put five ticks on each axis: the ends, the solution and halfway."""
    for set_ticks, values in ((axes.set_xticks, alphas), (axes.set_yticks, betas)):
        ticks = np.linspace(values[0], values[-1], 5)
        set_ticks(ticks, [f"{tick:.3g}".replace("-", "−") for tick in ticks])


def _label_bar(bar, scale):
    bar.set_ticks([float(scale.transform(tick)) for tick in scale.ticks()])
    bar.set_ticklabels([tick_label(tick) for tick in scale.ticks()])
    bar.set_label("loss (logarithmic)" if scale.log else "loss")


def save_figure(figure, path):
    FigureCanvasAgg(figure)
    with atomic_path(path) as temporary:
        figure.savefig(
            temporary, format="png", dpi=_DPI, facecolor="white", bbox_inches="tight", pad_inches=0.12
        )
