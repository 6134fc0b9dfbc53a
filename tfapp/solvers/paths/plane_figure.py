"""Paths of several solvers in one plane through a trained network, over the contours of its loss."""

import numpy as np
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from tfapp.optimizers import SOLVERS
from tfapp.png_file import save_png
from tfapp.solvers.solver_styles import colour

_HALO = [withStroke(linewidth=3.2, foreground="white", alpha=0.85)]
_LEVELS = 24


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
        axes.plot(*points.T, ".-", lw=1.6, ms=6, label=SOLVERS[name].title, **style)
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
    levels = low + np.geomspace((high - low) / 300, high - low, _LEVELS)
    levels = np.concatenate([[low], levels])
    colours = {"cmap": "Greys", "norm": BoundaryNorm(levels, 256), "alpha": 0.45}
    drawn = axes.contourf(alphas, betas, shown, levels, **colours)
    axes.contour(alphas, betas, shown, levels, colors="0.5", linewidths=0.5)
    return drawn
