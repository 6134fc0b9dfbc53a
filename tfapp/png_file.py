"""Figures as PNG files, written by write-then-rename."""

from matplotlib.backends.backend_agg import FigureCanvasAgg

from tfapp.files import atomic_path

_DPI = 180


def save_png(figure, path) -> None:
    """Write a Matplotlib figure as a PNG file."""
    FigureCanvasAgg(figure)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=_DPI, facecolor="white")
