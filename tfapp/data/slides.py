"""Whole slides, in the formats of the scanners, by OpenSlide: one level of a pyramid of them, read in parts.

OpenSlide is the extra `slides`; it reads what Pillow does not, and decodes only what is looked at.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from tfapp.data.file_parts import FilePart
from tfapp.data.images import image_values
from tfapp.data.opening import check_pixels
from tfapp.errors import InputError
from tfapp.files import check_regular_file

# Aperio, Hamamatsu, Leica, MIRAX, Sakura, Ventana and Zeiss; slides in TIFFs are read as TIFF.
SLIDE_SUFFIXES = (".svs", ".ndpi", ".vms", ".vmu", ".scn", ".mrxs", ".svslide", ".bif", ".czi")


@dataclass(frozen=True)
class Slide(FilePart):
    """One level of a slide.

    Attributes:
        level: Its level, 0 for the whole resolution.
        sizes: (height, width) of every level.
    """

    level: int
    sizes: tuple[tuple[int, int], ...]

    @property
    def size(self):
        """(height, width) of this level."""
        return self.sizes[self.level]

    def __str__(self):
        return f"{self.file} (level {self.level})" if self.level else str(self.file)


class SlideWindows:
    """Reader of parts of a slide, as `tfapp.data.windows.open_windows` describes it; what was not scanned is white.

    Args:
        slide: The `Slide`.
        channels: 1 or 3.

    Raises:
        InputError: It cannot be opened, or has more pixels than `tfapp.data.opening.pixel_limit` allows.
    """

    def __init__(self, slide, channels):
        self._slide, self._channels, self.size = slide, channels, slide.size
        check_slide(slide)
        self._opened = _open(slide.file)
        self._scale = [
            whole / side for whole, side in zip(reversed(slide.sizes[0]), reversed(slide.size), strict=True)
        ]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._opened.close()

    def window(self, top, bottom, left, right):
        import openslide

        place = tuple(round(start * scale) for start, scale in zip((left, top), self._scale, strict=True))
        try:
            region = self._opened.read_region(place, self._slide.level, (right - left, bottom - top))
        except openslide.OpenSlideError as error:
            raise InputError(
                f"Slide {self._slide} is damaged in rows {top} to {bottom}, columns {left} to {right} ({error}); "
                "replace or remove it."
            ) from None
        white = Image.new("RGB", region.size, "white")
        white.paste(region, mask=region.getchannel("A"))
        return np.asarray(image_values(self._slide, white, self._channels))


def check_slide(slide):
    """Raise InputError if a slide has more pixels than are read, with the levels that have fewer."""
    try:
        check_pixels(slide, slide.size[0] * slide.size[1])
    except InputError as error:
        smaller = ", ".join(
            f"{number} ({width}x{height})"
            for number, (height, width) in enumerate(slide.sizes)
            if number > slide.level
        )
        raise InputError(f"{error}{f' Or choose a smaller `level`: {smaller}.' if smaller else ''}") from None


def slide_sizes(path):
    """Return (height, width) of every level of a slide, the largest first.

    Raises:
        InputError: It cannot be opened, or OpenSlide is not installed.
    """
    with _open(path) as slide:
        return tuple((height, width) for width, height in slide.level_dimensions)


def _open(path):
    check_regular_file(path, "a slide")
    try:
        import openslide
    except ImportError:
        raise InputError(f'Reading {path} takes OpenSlide: pip install "tfapp[slides]".') from None
    try:
        return openslide.OpenSlide(str(path))
    except FileNotFoundError:
        raise InputError(f"Slide {path} does not exist.") from None
    except openslide.OpenSlideUnsupportedFormatError:
        raise InputError(f"{path} is damaged or not a slide that OpenSlide reads.") from None
    except openslide.OpenSlideError as error:
        raise InputError(f"Slide {path} is damaged or truncated ({error}); replace or remove it.") from None
