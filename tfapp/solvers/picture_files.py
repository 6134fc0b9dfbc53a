"""Animations of the solvers as files, written by write-then-rename, and what their grids of panels share."""

from matplotlib.animation import PillowWriter
from matplotlib.backends.backend_agg import FigureCanvasAgg

from tfapp.files import atomic_path

_ANIMATION_DPI = 100


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


def save_gif(figure, frames, path, *, per_second=2, hold=5) -> None:
    """Write an animated GIF.

    Args:
        figure: Matplotlib figure.
        frames: Functions without arguments, each of which draws one picture into the figure.
        path: File to write.
        per_second: Pictures in a second.
        hold: How many times the last picture is shown.
    """
    FigureCanvasAgg(figure)
    writer = PillowWriter(fps=per_second)
    with atomic_path(path) as temporary, writer.saving(figure, temporary, _ANIMATION_DPI):
        for draw in frames:
            figure.clear()
            draw()
            writer.grab_frame(facecolor="white")
        for _ in range(hold - 1):
            writer.grab_frame(facecolor="white")
