"""Curves of a training: how the Chamfer distance fell, and what became of the alternatives."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from tfapp.errors import InputError
from tfapp.report.figures import save_png


def save_training_png(distances: Mapping, path, *, alternatives: Mapping | None = None, title=None) -> None:
    """Draw Chamfer distances against the step on a logarithmic axis, and below the shares of the alternatives.

    Args:
        distances: From a name, such as "training scenes", to (steps (k,), Chamfer distances (k,) in metres).
        path: PNG file, written by write-then-rename.
        alternatives: From the name of an alternative, such as a rotation channel or a pose hypothesis, to
            (steps (k,), shares of the scenes (k,) in [0, 1] where it was the best); None without.
        title: Line above the figure.

    Raises:
        InputError: No curve, or one without a value that can be drawn; nothing is written then.
    """
    save_png(draw_training(distances, alternatives, title), path)


def draw_training(distances, alternatives=None, title=None) -> Figure:
    """Return the figure that `save_training_png` saves."""
    curves = {name: _finite(name, *curve) for name, curve in distances.items()}
    if not curves:
        raise InputError("A picture of a training needs at least one curve. Received: none.")
    figure = Figure(figsize=(7.2, 6.4 if alternatives else 4.4), layout="constrained")
    panels = figure.subplots(2 if alternatives else 1, 1, sharex=True, squeeze=False)[:, 0]
    for name, (steps, values) in curves.items():
        panels[0].plot(steps, 1000 * values, label=name, **_mark(steps))
    panels[0].set(ylabel="Chamfer distance, mm", yscale="log")
    panels[0].yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    panels[0].yaxis.set_minor_formatter(_few_labels(curves))
    for name, curve in (alternatives or {}).items():
        steps, shares = _finite(name, *curve)
        panels[1].plot(steps, shares, label=name, **_mark(steps))
        panels[1].set(ylabel="share of scenes where it is best", ylim=(-0.02, 1.02))
    panels[-1].set_xlabel("step")
    for panel in panels:
        panel.grid(alpha=0.3)
        panel.legend(frameon=False, fontsize=9, ncols=1 if len(panel.lines) < 5 else 2)
    if title:
        figure.suptitle(title, fontsize=12)
    return figure


def _finite(name, steps, values):
    steps, values = np.asarray(steps), np.asarray(values, np.float64)
    if steps.shape != values.shape or not np.isfinite(values).any():
        raise InputError(
            f"The curve {name!r} must have as many values as steps, at least one of them finite. "
            f"Received: {len(steps)} steps, {np.isfinite(values).sum()} finite values."
        )
    known = np.isfinite(values)
    return steps[known], values[known]


def _mark(steps):
    # A single evaluation would be no line at all.
    return {"lw": 1.6, "marker": "o" if len(steps) < 30 else None, "ms": 3.5}


def _few_labels(curves):
    """Return a formatter that writes 2 and 5 between the decades where the curves span few of these."""
    values = np.concatenate([values[values > 0] for _, values in curves.values()])
    narrow = not len(values) or values.max() < 30 * values.min()

    def label(value, _):
        leading = round(value / 10.0 ** np.floor(np.log10(value) + 1e-9))
        return f"{value:g}" if narrow and leading in (2, 5) else ""

    return label
