"""Figures and pictures as files, in memory and within pages: every one is written here, whole or not at all."""

import base64
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

from matplotlib.animation import PillowWriter
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from tfapp.errors import InputError
from tfapp.files import atomic_path

# Dots per inch of files, which are also printed, and of what is shown on screens only.
_DPI, _SCREEN_DPI = 200, 100
_MARGIN = 0.12  # inches around a cropped figure
_LEGEND_LINE = 0.215  # inches of a line of a legend


def save_png(figure, path, *, crop=False) -> None:
    """Write a Matplotlib figure as a PNG file, by write-then-rename.

    Args:
        figure: Matplotlib figure.
        path: PNG file.
        crop: Whether the file ends where the drawing ends, for axes that leave room around themselves or labels that
            lie outside of the figure; otherwise it has the size of the figure.
    """
    FigureCanvasAgg(figure)
    options = {"bbox_inches": "tight", "pad_inches": _MARGIN} if crop else {}
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=_DPI, facecolor="white", **options)


def legend_beside(figure, handles) -> None:
    """Write a legend to the right of a figure, which becomes as high as all of its lines need.

    Args:
        figure: Matplotlib figure with the layout `constrained`.
        handles: What the legend names.
    """
    handles = list(handles)
    figure.set_figheight(max(figure.get_figheight(), _LEGEND_LINE * len(handles) + _MARGIN))
    figure.legend(handles=handles, loc="outside right upper", frameon=False)


def screen_png(figure) -> tuple[bytes, int, int]:
    """Return a Matplotlib figure as the content of a PNG file for a screen, its width and height in pixels."""
    FigureCanvasAgg(figure)
    stream = BytesIO()
    figure.savefig(stream, format="png", dpi=_SCREEN_DPI, facecolor="white")
    return stream.getvalue(), *(round(_SCREEN_DPI * inches) for inches in figure.get_size_inches())


def save_gif(figure, frames: Sequence[Callable], path, *, per_second=2, hold=5) -> None:
    """Write an animated GIF, by write-then-rename.

    Args:
        figure: Matplotlib figure.
        frames: Functions without arguments, each of which draws one picture into the figure.
        path: GIF file.
        per_second: Pictures in a second.
        hold: How many times the last picture is shown.
    """
    FigureCanvasAgg(figure)
    writer = PillowWriter(fps=per_second)
    with atomic_path(path) as temporary, writer.saving(figure, temporary, _SCREEN_DPI):
        for draw in frames:
            figure.clear()
            draw()
            writer.grab_frame(facecolor="white")
        for _ in range(hold - 1):
            writer.grab_frame(facecolor="white")


def save_image(image, path, **options) -> None:
    """Write a PIL picture in the format that the name of the file says, by write-then-rename.

    Args:
        image: PIL picture.
        path: The file.
        **options: What Pillow's writer of the format takes besides.

    Raises:
        InputError: The name ends in no format that can be written, or in one that cannot hold the picture.
    """
    check_image_name(path)
    try:
        with atomic_path(path) as temporary:
            image.save(temporary, **options)
    except ValueError as error:
        raise InputError(f"{path} cannot be written ({error}); choose a name in .png.") from None


def check_image_name(path):
    """Raise InputError if the name of a file ends in no format of pictures that can be written."""
    suffix = Path(path).suffix
    if Image.registered_extensions().get(suffix.lower()) not in Image.SAVE:
        end = repr(suffix) if suffix else "nothing"
        raise InputError(
            f"`out` {str(path)!r} ends in {end}; expected the name of a picture, such as sheet.png."
        )


def jpeg_address(image, quality) -> str:
    """Return a PIL picture as the `data:` address of a JPEG in full colour resolution.

    Args:
        image: PIL picture.
        quality: From 1 to 95.
    """
    content = BytesIO()
    # Halved colours would blur borders that are one pixel wide.
    image.save(content, "JPEG", quality=quality, subsampling=0, optimize=True)
    return data_address("image/jpeg", content.getvalue())


def data_address(kind, content) -> str:
    """Return an address that holds its content whole, so that a page asks no other file for it.

    Args:
        kind: Media type, such as `image/png`.
        content: Bytes.
    """
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
