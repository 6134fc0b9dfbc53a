"""Paths of solvers over contours, in planes of a network, along a line, and their gaps over the updates."""

import math
from dataclasses import dataclass, field

import numpy as np
from matplotlib.colors import BoundaryNorm, LogNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from tfapp.optimizers import solver_of
from tfapp.report.figures import save_png
from tfapp.solvers.styles import ADAPTIVE, colour, line_style

_LEVELS = 22
_COLOURS = "Greys"
# Matplotlib cannot draw lines to points that are farther away than this.
_FAR = 1e6
_FEW = 6
# Below this a difference of two float64 values of order 1 is rounding.
_LEAST = 1e-12
_MOST = 1e6
# Beyond this ratio of the largest to the smallest a linear axis shows one of them only.
_LOG_RATIO = 30.0
_HALO = [withStroke(linewidth=3.2, foreground="white", alpha=0.85)]
_PLANE_LEVELS = 24


def save_paths_png(function, window, minimiser, paths, path, title=None) -> None:
    """Draw paths over the contours of a function, on the left the gradient methods, on the right the adaptive ones.

    Args:
        function: From float64 (..., 2) to (...), at least 0 at the minimiser.
        window: ((low, high), (low, high)) of the two coordinates.
        minimiser: Where the function is smallest.
        paths: `tfapp.solvers.paths.paths.SolverPath`s of two coordinates, all from one start.
        path: PNG file, written by write-then-rename.
        title: Line above the figure, or None.
    """
    save_png(draw_paths(function, window, minimiser, paths, title), path)


def draw_paths(function, window, minimiser, paths, title=None) -> Figure:
    """Return the figure that `save_paths_png` saves."""
    groups = {
        "steps along the gradient": [one for one in paths if one.solver.name not in ADAPTIVE],
        "a rate for each coordinate": [one for one in paths if one.solver.name in ADAPTIVE],
    }
    groups = {name: group for name, group in groups.items() if group}
    figure = Figure(figsize=(6.4 * len(groups), 7.0), layout="constrained")
    # A part of the figure for each group, so that each has its legend.
    parts = figure.subfigures(1, len(groups), squeeze=False)[0]
    for part, (name, group) in zip(parts, groups.items(), strict=True):
        axes = part.subplots()
        draw_contours(axes, function, window, minimiser)
        for number, one in enumerate(group):
            # Each thinner than those below it: where paths coincide all can be seen.
            draw_path(axes, one, lw=1.1 + 0.65 * (len(group) - 1 - number), zorder=3 + number / 100)
        mark_ends(axes, group, minimiser)
        axes.set_title(name, fontsize=11)
        handles = axes.get_legend_handles_labels()
        part.legend(*handles, loc="outside lower center", ncols=3, fontsize=9, frameon=False)
    if title:
        figure.suptitle(title)
    return figure


def window_around(paths, minimiser, bounds):
    """Return the window ((low, high), ...) that holds minimum and paths, which are cut where they leave it far behind.

    Args:
        paths: `SolverPath`s of two coordinates.
        minimiser: The minimum.
        bounds: ((low, high), (low, high)), the box of the function; the window has at most twice the sides of the
            smallest box that holds it and the starts.
    """
    window = []
    for axis, limits in enumerate(bounds):
        starts = [path.points[0, axis] for path in paths]
        low, high = min(*limits, *starts), max(*limits, *starts)
        values = np.concatenate([minimiser[axis : axis + 1], *(path.points[:, axis] for path in paths)])
        half = (high - low) / 2
        values = values[(values > low - half) & (values < high + half)]
        margin = 0.07 * np.ptp(values)
        window.append((values.min() - margin, values.max() + margin))
    return tuple(window)


def draw_contours(axes, function, window, minimiser, points=300) -> None:
    """Draw the contours of a function at levels that are even in the logarithm of its height over the minimum.

    Args:
        axes: Matplotlib axes.
        function, window, minimiser: As for `save_paths_png`.
        points: Points of the grid along each axis.
    """
    x, y = (np.linspace(low, high, points) for low, high in window)
    height = function(np.stack(np.meshgrid(x, y), axis=-1)) - function(np.array(minimiser))
    levels = np.geomspace(np.quantile(height, 0.002), height.max(), _LEVELS)
    height = np.maximum(height, levels[0] / 2)  # a logarithm wants more than 0
    axes.contourf(x, y, height, levels, cmap=_COLOURS, norm=LogNorm(), alpha=0.25, extend="min")
    axes.contour(x, y, height, levels, colors="0.6", linewidths=0.4)
    axes.set(xlim=window[0], ylim=window[1], xlabel="x₁", ylabel="x₂")
    axes.set_aspect("equal")


def draw_path(axes, path, lw=1.2, zorder=3) -> None:
    """Draw one path and, as a ring, its end."""
    points = path.points[(np.abs(path.points) < _FAR).all(axis=1)]
    style = line_style(path.solver, lw=lw, zorder=zorder)
    axes.plot(*points.T, label=path.solver.title, solid_joinstyle="round", **style)
    axes.plot(*points[-1], "o", color=style["color"], ms=8, mec="white", mew=1.0, zorder=zorder + 1)


def mark_ends(axes, paths, minimiser) -> None:
    """Mark the starts of the paths and the minimum."""
    starts = np.unique([path.points[0] for path in paths], axis=0)
    axes.plot(*starts.T, "s", color="white", mec="black", ms=8, zorder=6, label="start")
    axes.plot(*minimiser, "*", color="gold", mec="black", ms=15, zorder=3.9, label="minimum")


def save_iterates_png(panels, path, title=None) -> None:
    """Draw functions of one variable with the iterates of solvers on them, coloured by their number.

    Args:
        panels: List of (`AnalyticFunction`, `SolverPath` that starts in its interval, title of the panel).
        path: PNG file, written by write-then-rename.
        title: Line above the figure, or None.
    """
    save_png(draw_iterates(panels, title), path)


def draw_iterates(panels, title=None) -> Figure:
    """Return the figure that `save_iterates_png` saves."""
    columns = min(3 if len(panels) <= _FEW else 4, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(0.8 + 3.8 * columns, 0.8 + 2.8 * rows), layout="constrained")
    places = figure.subplots(rows, columns, squeeze=False).ravel()
    most = max(len(path.losses) for _, path, _ in panels) - 1
    for axes, (function, path, name) in zip(places, panels, strict=False):
        drawn = _draw_iterates(axes, function, path, most)
        axes.set_title(name, fontsize=10)
    for axes in places[len(panels) :]:
        axes.set_axis_off()
    bar = figure.colorbar(drawn, ax=list(places), pad=0.01, aspect=40)
    bar.set_label("update")
    if title:
        figure.suptitle(title)
    return figure


def _draw_iterates(axes, function, path, most):
    x = np.linspace(*function.bounds[0], 600)
    axes.plot(x, function.function(x[:, None]), color="0.4", lw=1.2, zorder=1)
    axes.axvline(function.minimiser[0], color="0.4", lw=0.8, ls=":")
    # Outside the interval the function is not what it is compared on.
    low, high = function.bounds[0]
    inside = np.flatnonzero((path.points[:, 0] >= low) & (path.points[:, 0] <= high))
    x, losses = path.points[inside, 0], path.losses[inside]
    drawn = axes.scatter(x, losses, c=inside + 1, cmap="plasma", norm="log", s=16, zorder=2, lw=0)
    drawn.set_clim(1, most + 1)
    axes.plot(path.points[0, 0], path.losses[0], "s", color="white", mec="black", ms=8, zorder=3)
    if inside[-1] == len(path.losses) - 1:
        axes.plot(x[-1], losses[-1], "o", color="#d62728", mec="white", ms=8, zorder=3)
    axes.set(xlim=function.bounds[0], xlabel="x", ylabel="f")
    return drawn


@dataclass(frozen=True)
class GapPanel:
    """A panel.

    Attributes:
        title: Its title.
        paths: `SolverPath`s.
        minimum: f*.
        marks: Dictionary from labels to values of f, which are drawn as dotted lines.
    """

    title: str
    paths: list
    minimum: float
    marks: dict = field(default_factory=dict)


def save_gaps_png(panels, path, title=None) -> None:
    """Draw |f - f*| over the logarithm of the updates; differences below 1e-12 are drawn at it.

    Args:
        panels: `GapPanel`s, from left to right.
        path: PNG file, written by write-then-rename.
        title: Line above the figure, or None.
    """
    save_png(draw_gaps(panels, title), path)


def draw_gaps(panels, title=None) -> Figure:
    """Return the figure that `save_gaps_png` saves."""
    is_wide = len(panels) == 1 and len(panels[0].paths) > 4
    figure = Figure(figsize=(8.0 if is_wide else max(6.4, 5.0 * len(panels)), 5.2), layout="constrained")
    columns = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for axes, panel in zip(columns, panels, strict=True):
        _draw_panel(axes, panel)
        if not is_wide:
            axes.legend(frameon=False, fontsize=9)
    if is_wide:
        handles = columns[0].get_legend_handles_labels()
        figure.legend(*handles, loc="outside right upper", frameon=False, fontsize=9)
    figure.supylabel("|f − f*|", fontsize=11)
    if title:
        figure.suptitle(title)
    return figure


def _draw_panel(axes, panel):
    gaps = [_shown(path, panel.minimum) for path in panel.paths]
    for path, shown in zip(panel.paths, gaps, strict=True):
        label = f"{path.solver.title}{' (diverged)' if path.diverged else ''}"
        style = line_style(path.solver, label=label, alpha=0.85)
        # Thin: where a path goes round and round for ever a wide line would be a block.
        axes.plot(np.arange(1, len(shown) + 1), shown, **style | {"lw": 0.6 * style["lw"]})
    for label, value in panel.marks.items():
        axes.axhline(abs(value - panel.minimum), color="0.3", lw=0.9, ls=":", label=label)
    finite = np.concatenate(gaps)
    finite = finite[np.isfinite(finite)]
    is_log = len(finite) > 0 and finite.max() > _LOG_RATIO * finite.min()
    axes.set(xscale="log", yscale="log" if is_log else "linear", xlabel="update", title=panel.title)
    axes.grid(alpha=0.3)
    axes.margins(x=0.01)


def _shown(path, minimum):
    # The start is update 0, which a logarithmic axis has not.
    gaps = path.gaps(minimum)[1:]
    return np.where(np.isfinite(gaps) & (gaps < _MOST), np.maximum(gaps, _LEAST), np.nan)


def save_places_png(paths, path, title=None) -> None:
    """Draw where paths of one coordinate are, and on the right their losses, over the logarithm of the updates.

    Args:
        paths: `SolverPath`s of one coordinate, whose losses are average regrets.
        path: PNG file, written by write-then-rename.
        title: Line above the figure, or None.
    """
    figure = Figure(figsize=(10.4, 4.4), layout="constrained")
    places, regrets = figure.subplots(1, 2)
    for one in paths:
        updates = np.arange(1, len(one.losses) + 1)
        places.plot(updates, one.points[:, 0], **line_style(one.solver, label=one.solver.title))
        regrets.plot(updates, one.losses, **line_style(one.solver))
    places.set(xscale="log", xlabel="update", ylabel="x")
    regrets.set(xscale="log", xlabel="update", ylabel="average regret")
    for axes in (places, regrets):
        axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", frameon=False)
    if title:
        figure.suptitle(title)
    save_png(figure, path)


def save_plane_png(grid, paths, labels, path, title=None) -> None:
    """Draw the paths over the contours.

    Args:
        grid: Coordinates (n,) and (m,), and the loss (n, m) at them; NaN where it is not finite.
        paths: Dictionary from the name of a solver to float64 (checkpoints, 2).
        labels: Of the two axes.
        path: PNG file, written by write-then-rename.
        title: Line above the figure, or None.
    """
    save_png(draw_plane(grid, paths, labels, title), path)


def draw_plane(grid, paths, labels, title=None) -> Figure:
    """Return the figure that `save_plane_png` saves."""
    figure = Figure(figsize=(10.4, 7.2), layout="constrained")
    axes = figure.add_subplot()
    drawn = _draw_contours(axes, *grid)
    for number, (name, points) in enumerate(paths.items()):
        style = {"color": colour(name), "zorder": 3 + number / 100}
        axes.plot(*points.T, lw=1.6, path_effects=_HALO, **style)
        axes.plot(*points.T, ".-", lw=1.6, ms=6, label=solver_of(name).title, **style)
        axes.plot(*points[-1], "o", ms=10, mec="black", color=style["color"], zorder=5)
    start = next(iter(paths.values()))[0]
    axes.plot(*start, "s", color="white", mec="black", ms=9, zorder=6, label="start of all")
    axes.set(xlabel=labels[0], ylabel=labels[1], aspect="equal")
    figure.colorbar(drawn, ax=axes, pad=0.02, label="objective", format="{x:.3g}")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper", frameon=False)
    if title:
        figure.suptitle(title)
    return figure


def _draw_contours(axes, alphas, betas, loss):
    shown = np.ma.masked_invalid(loss.T)
    low, high = float(shown.min()), float(shown.max())
    # Levels even in the logarithm of the height over the lowest point: narrow where the paths end.
    levels = low + np.geomspace((high - low) / 300, high - low, _PLANE_LEVELS)
    levels = np.concatenate([[low], levels])
    colours = {"cmap": "Greys", "norm": BoundaryNorm(levels, 256), "alpha": 0.45}
    drawn = axes.contourf(alphas, betas, shown, levels, **colours)
    axes.contour(alphas, betas, shown, levels, colors="0.5", linewidths=0.5)
    return drawn
