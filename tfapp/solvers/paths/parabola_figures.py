"""Descents on the ellipsoidal parabola, one panel for each learning rate."""

import math

from matplotlib.figure import Figure

from tfapp.png_file import save_png
from tfapp.solvers.paths.figures import draw_contours, mark_ends
from tfapp.solvers.paths.parabola import MINIMISER, value

WINDOW = ((-2.4, 2.4), (-2.4, 2.4))
_COLUMNS = 4


def save_descents_png(found, path, title=None) -> None:
    """Draw each descent over the contours, and the losses of all over the updates.

    Args:
        found: `tfapp.solvers.paths.parabola.Descent`s.
        path: PNG file, written by write-then-rename.
        title: Line above the figure, or None.
    """
    save_png(draw_descents(found, title), path)


def draw_descents(found, title=None) -> Figure:
    """Return the figure that `save_descents_png` saves."""
    rows = math.ceil((len(found) + 1) / _COLUMNS)
    figure = Figure(figsize=(0.4 + 3.6 * _COLUMNS, 0.6 + 4.1 * rows), layout="constrained")
    panels = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for number, (axes, descent) in enumerate(zip(panels, found, strict=False)):
        _draw(axes, descent, number)
    _draw_losses(panels[len(found)], found)
    for axes in panels[len(found) + 1 :]:
        axes.set_axis_off()
    if title:
        figure.suptitle(title)
    return figure


def _draw(axes, descent, number):
    path = descent.path
    draw_contours(axes, value, WINDOW, MINIMISER, points=80)
    axes.plot(*path.points.T, ".-", color=f"C{number}", lw=1.1, ms=5, zorder=3)
    mark_ends(axes, [path], MINIMISER)
    axes.set_title(f"{path.solver.title}\n{path.solver.parameters}", fontsize=10, color=f"C{number}")


def _draw_losses(axes, found):
    for number, descent in enumerate(found):
        axes.semilogy(descent.path.losses, color=f"C{number}", lw=1.5)
    axes.set(xlabel="update", ylim=(1e-8, 1e3), box_aspect=1)
    axes.set_title("f − f*,\nin the colours of the panels", fontsize=10)
    axes.grid(alpha=0.3)
