"""The learned object model from several sides (figures 4.3 to 4.5 of Y. Wu's dissertation)."""

import numpy as np
from matplotlib.figure import Figure

from tfapp.png_file import save_png
from tfapp.pose.pictures.model_panels import (
    DEPTHS,
    draw_hidden,
    draw_points,
    frame_panel,
    label_bar,
    reach_of,
)
from tfapp.pose.pictures.views import VIEWS, MainAxes, finite_points


def save_model_png(points, path, visible=None, title=None) -> None:
    """Draw a learned model along its three main axes and obliquely, coloured by the depth of each view.

    Args:
        points: (m, 3), metres, in any frame.
        path: PNG file, written by write-then-rename.
        visible: bool (m,), points that were visible in some scene; the others, which never got a gradient, are
            drawn small and grey. None for all.
        title: Line above the figure.

    Raises:
        InputError: Points of another shape or not finite, or none visible; nothing is written then.
    """
    save_png(draw_model(points, visible, title), path)


def draw_model(points, visible=None, title=None) -> Figure:
    """Return the figure that `save_model_png` saves."""
    points, visible = finite_points(points, visible)
    seen = MainAxes.of(points[visible]).apply(points)
    reach = reach_of(seen[visible])
    figure = Figure(figsize=(11.6, 3.6), layout="constrained")
    panels = figure.subplots(1, len(VIEWS))
    for panel, (name, view) in zip(panels, VIEWS.items(), strict=True):
        turned = seen @ view.T
        drawn = draw_points(panel, turned[visible], turned[visible, 2], DEPTHS * reach)
        draw_hidden(panel, turned[~visible])
        frame_panel(panel, reach, name)
    label_bar(figure, drawn, panels, "towards the viewer, mm")
    figure.suptitle(title or "Learned object model", fontsize=12)
    if not visible.all():
        figure.supxlabel(
            f"grey: {np.count_nonzero(~visible)} of {len(points)} points were visible in no scene", fontsize=9
        )
    return figure
