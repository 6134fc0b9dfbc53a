"""Objective and error of several solvers over the epochs, as a picture."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tfapp.png_file import save_png

_PANELS = (("train_objective", "training objective", True), ("test_error", "test error, %", True))
_STYLES = ("-", "--", ":")


def save_curves_png(comparison, path, title=None):
    """Draw the training objective and the test error of every solver over the epochs.

    Lines are means over seeds, bands reach from the smallest to the largest. Both axes are logarithmic: late
    epochs differ by little. Diverged trainings are left out.

    Args:
        comparison: `Comparison`.
        path: PNG file, written by write-then-rename.
        title: Text above the panels, or None.
    """
    figure = Figure(figsize=(11, 4.8), layout="constrained")
    panels = figure.subplots(1, len(_PANELS))
    for axes, (column, label, is_log) in zip(panels, _PANELS, strict=True):
        for number, (name, curves) in enumerate(comparison.curves(column).items()):
            _draw(axes, curves, name, number)
        axes.set(xlabel="epoch", ylabel=label, yscale="log" if is_log else "linear")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in "235" else "")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3, which="both")
    lines = [line for line in panels[0].get_lines() if isinstance(line, Line2D)]
    figure.legend(handles=lines, loc="outside right upper", frameon=False)
    if title:
        figure.suptitle(title)
    save_png(figure, path)


def _draw(axes, curves, name, number):
    epochs = np.arange(1, curves.shape[1] + 1)
    colour, style = f"C{number % 10}", _STYLES[number // 10 % len(_STYLES)]
    # BPGrad is what the picture is about.
    width = 2.4 if name.startswith("BPGrad") else 1.2
    axes.plot(epochs, curves.mean(0), style, color=colour, linewidth=width, label=name)
    if len(curves) > 1:
        axes.fill_between(epochs, curves.min(0), curves.max(0), color=colour, alpha=0.12, linewidth=0)
