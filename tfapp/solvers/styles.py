"""How figures draw each solver, so that it has the same colour in all of them; animations as files."""

from matplotlib.animation import PillowWriter
from matplotlib.backends.backend_agg import FigureCanvasAgg

from tfapp.files import atomic_path

_COLOURS = {
    "bpgrad": "#d62728",
    "bpgrad-plain": "#f19c38",
    "bpgrad-auto": "#8c1c4b",
    "sgd": "#1f77b4",
    "sgd-momentum": "#17becf",
    "adagrad": "#2ca02c",
    "adadelta": "#a6b727",
    "rmsprop": "#9467bd",
    "adam": "#222222",
    "eve": "#8c564b",
    "alig": "#e377c2",
}
ADAPTIVE = ("adagrad", "adadelta", "rmsprop", "adam", "eve")


def line_style(solver, **options) -> dict:
    """Return colour, width and dashes of the line of a `PathSolver`; BPGrad's are the wider ones."""
    style = {"color": colour(solver.name), "lw": 1.9 if solver.name.startswith("bpgrad") else 1.2}
    return style | {"ls": "--" if solver.dashed else "-"} | options


def colour(name) -> str:
    """Return the colour of a solver of `tfapp.optimizers.SOLVERS`."""
    return _COLOURS[name]


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
