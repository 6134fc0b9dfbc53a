"""Functions of one variable with the iterates of solvers on them."""

import math

import numpy as np
from matplotlib.figure import Figure

from tfapp.png_file import save_png

_FEW = 6


def save_iterates_png(panels, path, title=None) -> None:
    """Draw functions of one variable with the iterates of solvers on them, coloured by their number.

    Args:
        panels: List of (`AnalyticFunction`, `Path` that starts in its interval, title of the panel).
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
