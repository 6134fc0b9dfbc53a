"""Figure of the losses of a detector over the epochs of its training."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tfapp.report.colours import BLUE, ORANGE
from tfapp.report.figures import save_png

# Columns of the history, with the titles of their panels.
PANELS = {
    "scores_loss": "classes of regions",
    "offsets_loss": "boxes of regions",
    "objectness_loss": "objectness of anchors",
    "anchor_offsets_loss": "boxes of anchors",
}


def save_losses_png(rows, path) -> None:
    """Draw the losses over the epochs, of training and where there is some of validation.

    Args:
        rows: As `tfapp.runs.checkpoints.read_history` returns them, at least one.
        path: PNG file, written by write-then-rename.
    """
    save_png(draw_losses(rows), path)


def draw_losses(rows) -> Figure:
    """Return the figure that `save_losses_png` saves."""
    shown = [name for name in PANELS if name in rows[-1]]
    figure = Figure(figsize=(2.8 * len(shown) + 0.4, 3.0), layout="constrained")
    epochs = [row["epoch"] for row in rows]
    # A single row would be no line at all.
    mark = {"marker": "o" if len(rows) < 30 else None, "ms": 3}
    for panel, name in zip(np.atleast_1d(figure.subplots(1, len(shown))), shown, strict=True):
        panel.plot(epochs, [row[name] for row in rows], color=BLUE, lw=1.6, label="training", **mark)
        if f"val_{name}" in rows[-1]:
            watched = [row.get(f"val_{name}", np.nan) for row in rows]
            panel.plot(epochs, watched, color=ORANGE, lw=1.6, label="validation", **mark)
            panel.legend(frameon=False, fontsize=8)
        panel.set_title(PANELS[name], fontsize=10)
        panel.set_xlabel("epoch")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        panel.set_ylim(0, None)
        panel.grid(alpha=0.3)
    return figure
