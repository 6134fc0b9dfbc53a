"""Figures as PNG, in a file that is written by write-then-rename or in memory."""

from io import BytesIO

from matplotlib.backends.backend_agg import FigureCanvasAgg

from tfapp.files import atomic_path

_DPI = 180


def save_png(figure, path) -> None:
    """Write a Matplotlib figure as a PNG file."""
    FigureCanvasAgg(figure)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=_DPI, facecolor="white")


def png_bytes(figure, dpi) -> bytes:
    """Return a Matplotlib figure as the content of a PNG file."""
    FigureCanvasAgg(figure)
    stream = BytesIO()
    figure.savefig(stream, format="png", dpi=dpi, facecolor="white")
    return stream.getvalue()
