"""Objective of all solvers over their updates on the two-layer net."""

import numpy as np
from matplotlib.figure import Figure

from tfapp.optimizers import SOLVERS
from tfapp.png_file import save_png
from tfapp.solvers.solver_styles import colour


def save_objectives_png(panels, path, title=None) -> None:
    """Draw objectives over updates, both axes logarithmic.

    Args:
        panels: Dictionary from the title of a panel to `tfapp.solvers.trainings.two_layer_problem.Curve`s.
        path: PNG file, written by write-then-rename.
        title: Line above the figure, or None.
    """
    save_png(draw_objectives(panels, title), path)


def draw_objectives(panels, title=None) -> Figure:
    """Return the figure that `save_objectives_png` saves."""
    figure = Figure(figsize=(1.8 + 5.4 * len(panels), 5.6), layout="constrained")
    columns = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for axes, (name, curves) in zip(columns, panels.items(), strict=True):
        for curve in curves:
            width = 1.9 if curve.solver.startswith("bpgrad") else 1.2
            updates = np.arange(1, len(curve.objectives))
            style = {"color": colour(curve.solver), "lw": width, "label": SOLVERS[curve.solver].title}
            axes.plot(updates, curve.objectives[1:], **style)
        axes.set(xscale="log", yscale="log", xlabel="update", title=name)
        axes.grid(alpha=0.3, which="both")
        axes.margins(x=0.01)
    columns[0].set_ylabel("objective over all examples")
    handles = columns[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside right upper", frameon=False, fontsize=9)
    if title:
        figure.suptitle(title)
    return figure
