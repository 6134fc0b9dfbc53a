"""Loss and accuracy of a transfer network over its training."""

from matplotlib.figure import Figure

from tfapp.errors import InputError
from tfapp.png_file import save_png

_CURVES = {
    "loss": ("loss: cross-entropy and weight decay", "#0072b2"),
    "accuracy": ("images put into their pseudo-label, %", "#d55e00"),
}


def save_history_png(rows, path) -> None:
    """Draw loss and accuracy against the iteration.

    Args:
        rows: As `read_history` returns them.
        path: PNG file, written by write-then-rename.

    Raises:
        InputError: No row; nothing is written then.
    """
    save_png(draw_history(rows), path)


def draw_history(rows) -> Figure:
    """Return the figure that `save_history_png` saves."""
    if not rows:
        raise InputError("A picture of a training needs at least one row of its history. Received: none.")
    iterations = [row["iteration"] for row in rows]
    figure = Figure(figsize=(10.4, 3.4), layout="constrained")
    panels = figure.subplots(1, 2)
    # A single row would be no line at all.
    mark = {"marker": "o" if len(rows) < 30 else None, "ms": 3.5}
    for panel, (name, (label, colour)) in zip(panels, _CURVES.items(), strict=True):
        scale = 100 if name == "accuracy" else 1
        panel.plot(iterations, [scale * row[name] for row in rows], lw=1.6, color=colour, **mark)
        panel.set_title(label, fontsize=11)
        panel.set_xlabel("iteration")
        panel.grid(alpha=0.3)
    panels[0].set_ylim(0, 1.05 * max(row["loss"] for row in rows))
    panels[1].set_ylim(-2, 102)
    return figure
