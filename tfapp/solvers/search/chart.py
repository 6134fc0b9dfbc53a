"""Global searches against one another, and the bounds of one search, as curves over evaluations."""

import math

import numpy as np
from matplotlib.figure import Figure

from tfapp.png_file import save_png
from tfapp.solvers.picture_files import label_lowest

_COLUMNS = 3
# Errors below this are drawn at it: the axis is logarithmic and some searches reach 0.
_LEAST_ERROR = 1e-9


def save_comparison_png(table, path) -> None:
    """Draw the smallest error so far of every method over evaluations, one panel per function.

    Of random methods the median over the seeds, and the middle half of the seeds as a band.

    Args:
        table: A `SearchTable`.
        path: PNG file, written by write-then-rename.
    """
    save_png(draw_comparison(table), path)


def draw_comparison(table) -> Figure:
    """Return the figure that `save_comparison_png` saves."""
    columns = min(_COLUMNS, len(table.functions))
    rows = math.ceil(len(table.functions) / columns)
    figure = Figure(figsize=(max(7.0, 0.6 + 4.0 * columns), 1.3 + 3.0 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, squeeze=False).ravel()
    methods = list(dict.fromkeys(trace.method for trace in table.traces))
    groups = table.grouped()
    for panel, function in zip(panels, table.functions, strict=False):
        for index, method in enumerate(methods):
            _draw_method(panel, groups[function.name, method], f"C{index}")
        panel.set(xscale="log", yscale="log", xlim=(1, table.budget), title=function.name)
        panel.grid(alpha=0.3)
    label_lowest(panels, len(table.functions), columns)
    figure.supxlabel("evaluations of the function", fontsize=11)
    figure.supylabel("smallest value − minimum", fontsize=11)
    handles = panels[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper center", ncols=4, frameon=False)
    return figure


def _draw_method(axes, traces, colour):
    length = max(len(trace.errors) for trace in traces)
    errors = np.array([_padded(trace.best_errors, length) for trace in traces])
    low, median, high = np.maximum(np.quantile(errors, (0.25, 0.5, 0.75), axis=0), _LEAST_ERROR)
    evaluations = np.arange(1, length + 1)
    axes.plot(evaluations, median, color=colour, lw=1.5, label=traces[0].method, drawstyle="steps-post")
    axes.plot(evaluations[-1], median[-1], "o", color=colour, ms=4)
    if len(traces) > 1:
        axes.fill_between(evaluations, low, high, color=colour, alpha=0.15, lw=0, step="post")


def _padded(errors, length):
    return np.concatenate([errors, np.full(length - len(errors), errors[-1])])


def save_bounds_png(function, result, path) -> None:
    """Draw every value, and the upper and lower bound of the minimum, over the evaluations of one search.

    Args:
        function: The `AnalyticFunction` that was minimised.
        result: The `SearchResult`.
        path: PNG file, written by write-then-rename.
    """
    save_png(draw_bounds(function, result), path)


def draw_bounds(function, result) -> Figure:
    """Return the figure that `save_bounds_png` saves."""
    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    axes = figure.add_subplot()
    count = np.arange(1, len(result.values) + 1)
    smallest = np.minimum.accumulate(result.values)
    axes.plot(count, result.values, ".", color="0.6", ms=4, label="values")
    _draw_bound(axes, smallest, "#238b45", "upper bound: smallest value")
    _draw_bound(axes, result.lower_bounds, "#cb181d", "lower bound: proven")
    axes.axhline(function.minimum, color="black", lw=0.8, ls=":", label="minimum")
    axes.set(xlabel="evaluations", ylabel="f", title=f"{function.name}: {function.formula}")
    _limit_height(axes, result)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return figure


def _draw_bound(axes, bounds, colour, label):
    count = np.arange(1, len(bounds) + 1)
    axes.plot(count, bounds, color=colour, drawstyle="steps-post", label=label)
    axes.plot(count[-1], bounds[-1], "o", color=colour, ms=4)


def _limit_height(axes, result):
    """Leave out the first lower bounds, which are far below everything else."""
    values = result.values
    bottom = min(values.min() - np.ptp(values), 1.1 * result.certificate.lower_bound)
    axes.set_ylim(bottom, values.max() + 0.05 * np.ptp(values))
