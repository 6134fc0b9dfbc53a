"""Paths of solvers over the contours of a function of two variables."""

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from tfapp.png_file import save_png
from tfapp.solvers.solver_styles import ADAPTIVE, line_style

_LEVELS = 22
_COLOURS = "Greys"
# Matplotlib cannot draw lines to points that are farther away than this.
_FAR = 1e6


def save_paths_png(function, window, minimiser, paths, path, title=None) -> None:
    """Draw paths over the contours of a function, on the left the gradient methods, on the right the adaptive ones.

    Args:
        function: From float64 (..., 2) to (...), at least 0 at the minimiser.
        window: ((low, high), (low, high)) of the two coordinates.
        minimiser: Where the function is smallest.
        paths: `tfapp.solvers.paths.paths.Path`s of two coordinates, all from one start.
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
        paths: `Path`s of two coordinates.
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
