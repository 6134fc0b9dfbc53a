"""Whole slides, in the formats of the scanners, by OpenSlide: one level of a pyramid of them, read in parts.

OpenSlide is the extra `slides`; it reads what Pillow does not, and decodes only what is looked at.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from tfapp.data.file_parts import FilePart
from tfapp.data.images import image_values
from tfapp.data.opening import check_pixels
from tfapp.errors import InputError
from tfapp.files import check_regular_file

# Aperio, Hamamatsu, Leica, MIRAX, Sakura, Ventana and Zeiss; slides in TIFFs are read as TIFF.
SLIDE_SUFFIXES = (".svs", ".ndpi", ".vms", ".vmu", ".scn", ".mrxs", ".svslide", ".bif", ".czi")
# OpenSlide reads from whole pixels of level 0 on. Cairo, by which it draws, takes the pixels of a level as they are
# where that is less than this fraction of one of theirs beside them (it rounds to 1/256), and interpolates otherwise.
_AS_STORED = 1 / 512
# What is farther from the start of a read OpenSlide draws by a read of its own, with a start that it cuts off.
_REACH = 4096
# How many times the pixels that are looked at may be read for them alone; and what is kept otherwise: a part may lie in
# four reads.
_FAR, _BANDS = 4, 4


@dataclass(frozen=True)
class Slide(FilePart):
    """One level of a slide.

    Attributes:
        level: Its level, 0 for the whole resolution.
        sizes: (height, width) of every level.
        downsample: By how much the level is smaller than level 0, as OpenSlide has it.
    """

    level: int
    sizes: tuple[tuple[int, int], ...]
    downsample: float

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
        self._rows, self._columns = (_Starts(side, slide.downsample) for side in slide.size)
        self._bands = {}

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._opened.close()

    def window(self, top, bottom, left, right):
        pixels = Image.new("RGB", (right - left, bottom - top), "white")
        try:
            for rows in self._rows.reads(top, bottom):
                for columns in self._columns.reads(left, right):
                    region = self._region(rows, columns)
                    place = columns.begin - left, rows.begin - top
                    pixels.paste(region, place, mask=region.getchannel("A"))
        except _openslide().OpenSlideError as error:
            raise InputError(
                f"Slide {self._slide} is damaged in rows {top} to {bottom}, columns {left} to {right} ({error}); "
                "replace or remove it."
            ) from None
        return np.asarray(image_values(self._slide, pixels, self._channels))

    def _region(self, rows, columns):
        if rows.as_stored and columns.as_stored:
            rows, columns = self._rows.nearer(rows), self._columns.nearer(columns)
        wanted = (rows.end - rows.begin) * (columns.end - columns.begin)
        if (rows.end - rows.start) * (columns.end - columns.start) <= _FAR * wanted:
            band = self._band(rows, columns.start, columns.end)
        else:
            # Parts that stand side by side are read with all that stands before them once, and not for each of them.
            read = rows, columns.start, columns.limit
            band = self._bands[read] = self._bands.pop(read, None) or self._band(*read)
            if len(self._bands) > _BANDS:
                del self._bands[next(iter(self._bands))]
        return band.crop((columns.begin - columns.start, 0, columns.end - columns.start, band.height))

    def _band(self, rows, start, end):
        place = tuple(round(one * self._slide.downsample) for one in (start, rows.start))
        found = self._opened.read_region(place, self._slide.level, (end - start, rows.end - rows.start))
        return found.crop((0, rows.begin - rows.start, end - start, rows.end - rows.start))


class _Read(NamedTuple):
    """One side of a read: the pixels from `begin` to `end` are looked at, those from `start` on are read.

    With the same start those up to `limit` can be read.
    """

    begin: int
    end: int
    start: int
    limit: int
    as_stored: bool


class _Starts:
    """Where reads of a level begin along one of its sides, so that every part of it has the pixels of the whole.

    A read that begins anywhere would be interpolated, by as much as its start lies beside a pixel of level 0: the same
    pixel would be another one in each part that it is read with. Reads begin where none is interpolated, before
    the part that is looked at if need be. Where no such start is near enough, they begin at places that are the same
    for all parts.

    Args:
        side: Pixels along this side of the level.
        downsample: As of `Slide`.
    """

    def __init__(self, side, downsample):
        self._side, self._downsample = side, downsample
        self._exact = np.flatnonzero(self._shifts(np.arange(side)) < _AS_STORED)
        self._fixed = [0]
        while (start := self._fixed[-1]) + 1 < side:
            near = self._exact[np.searchsorted(self._exact, start, "right") :]
            near = near[near <= start + _REACH]
            if not near.size:
                following = start + _REACH
            else:
                following = int(near[-1] if self._is_exact(start) else near[0])
            self._fixed.append(following)

    def reads(self, begin, end):
        """Yield each `_Read` of the pixels from `begin` to `end`, from the starts that are the same for all parts."""
        for start, following in pairwise([*self._fixed, self._side]):
            if start < end and begin < following:
                limit = min(following, self._side)
                yield _Read(max(begin, start), min(end, limit), start, limit, self._is_exact(start))

    def nearer(self, read):
        """Return a `_Read` of stored pixels with the last start that gives them as stored, too."""
        return read._replace(start=int(self._exact[np.searchsorted(self._exact, read.begin, "right") - 1]))

    def shifts(self):
        """Return by which part of a pixel each pixel of this side is shifted when it is read, 0 where not at all."""
        found = np.zeros(self._side)
        for read in self.reads(0, self._side):
            if not read.as_stored:
                found[read.begin : read.end] = self._shifts(read.start)
        return found

    def _is_exact(self, start):
        return bool(self._shifts(start) < _AS_STORED)

    def _shifts(self, starts):
        return np.abs(np.rint(starts * self._downsample) / self._downsample - starts)


def interpolation_sentence(slide):
    """Return a sentence on how much of a level OpenSlide interpolates, None if it gives all of it as it is stored."""
    shifts = [_Starts(side, slide.downsample).shifts() for side in slide.size]
    largest = max(one.max() for one in shifts)
    if not largest:
        return None
    share = 1 - np.prod([np.mean(one == 0) for one in shifts])
    return (
        f"OpenSlide gives {100 * share:.3g} % of the pixels of {slide} shifted, and so interpolated, by at most "
        f"{largest:.2f} pixels: this level is 1/{slide.downsample:.7g} of level 0, which is no whole fraction."
    )


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


def slide_levels(path):
    """Return a `Slide` for every level of a slide, the largest first.

    Raises:
        InputError: It cannot be opened, or OpenSlide is not installed.
    """
    path = Path(path)
    with _open(path) as slide:
        sizes = tuple((height, width) for width, height in slide.level_dimensions)
        return tuple(Slide(path, level, sizes, by) for level, by in enumerate(slide.level_downsamples))


def _open(path):
    check_regular_file(path, "a slide")
    try:
        openslide = _openslide()
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


def _openslide():
    import openslide

    return openslide
