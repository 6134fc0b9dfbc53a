"""Styles of the solvers in figures, so that each has the same colour in all of them."""

from tfapp.optimizers import SOLVERS
from tfapp.optimizers.catalogue import base_of
from tfapp.report.colours import qualitative

_COLOURS = {
    "bpgrad": "#d62728",
    "bpgrad-plain": "#f19c38",
    "bpgrad-auto": "#8c1c4b",
    "sgd": "#1f77b4",
    "sgd-momentum": "#17becf",
    "nesterov": "#08306b",
    "adagrad": "#2ca02c",
    "adadelta": "#a6b727",
    "rmsprop": "#9467bd",
    "adam": "#222222",
    "amsgrad": "#7f7f7f",
    "nadam": "#bd5e00",
    "eve": "#8c564b",
    "alig": "#e377c2",
}
# Bounds of the smallest value: what was found, and what cannot be undercut.
UPPER, LOWER = "#238b45", "#cb181d"
ADAPTIVE = ("adagrad", "adadelta", "rmsprop", "adam", "amsgrad", "nadam", "eve")


def line_style(solver, **options) -> dict:
    """Return colour, width and dashes of the line of a `PathSolver`; BPGrad's are the wider ones."""
    style = {"color": colour(solver.name), "lw": 1.9 if solver.name.startswith("bpgrad") else 1.2}
    return style | {"ls": "--" if solver.dashed else "-"} | options


def colour(name) -> str:
    """Return the colour of a solver of `tfapp.optimizers.SOLVERS`: its own, or one by its place there."""
    name = base_of(name)
    return _COLOURS.get(name) or qualitative(list(SOLVERS).index(name))


def label_lowest(panels, used, columns) -> None:
    """Switch off the panels of a grid that are not used, and label the axis of the last one in every column.

    Args:
        panels: Axes, row by row, with a common horizontal axis.
        used: How many hold a picture.
        columns: Of the grid.
    """
    for panel in panels[used:]:
        panel.set_axis_off()
    for panel in panels[max(0, used - columns) : used]:
        panel.xaxis.set_tick_params(labelbottom=True)
