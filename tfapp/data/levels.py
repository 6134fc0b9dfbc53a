"""Levels of pyramids: a picture with smaller copies of itself, as microscopes and slide scanners write them.

Of a TIFF they are its first page and the pages, or directories within that page, which are marked as smaller copies
of it (OME-TIFF, GeoTIFF, what libvips and QuPath write). Some programs leave the mark out: then pages of which each is
smaller than the one before, in the same proportions, are levels where somebody asks for one. The formats of slide
scanners are opened by OpenSlide.
"""

from dataclasses import dataclass
from itertools import pairwise, takewhile
from pathlib import Path

from tfapp.data.images import image_size
from tfapp.data.slides import SLIDE_SUFFIXES, Slide, slide_sizes
from tfapp.data.stacks import COPY, MASK, SUBFILE_TYPE, TIFF_SUFFIXES
from tfapp.data.tiff_directories import Damaged, Directories
from tfapp.data.tiff_page import TiffPage
from tfapp.errors import InputError

_WIDTH, _HEIGHT, _WITHIN = 256, 257, 330
_MOST_LEVELS = 64


@dataclass(frozen=True)
class Level(TiffPage):
    """A smaller copy in a TIFF; it can be given wherever the path of an image is read.

    Attributes:
        number: Which level, from 0, which is the picture itself.
    """

    number: int

    def __str__(self):
        return f"{self.file} (level {self.number})"


def at_level(path, level):
    """Return what is read of an image at a level of its pyramid: the path itself, a `Level` of a TIFF, or a `Slide`.

    Args:
        path: The file.
        level: 0 for the whole resolution, or the number of a smaller copy, from the largest to the smallest; None for 0
            where an image says by itself that it has levels.

    Raises:
        InputError: There is no such level, which is told with the sizes of those there are; a slide cannot be opened.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in SLIDE_SUFFIXES:
        sizes = slide_sizes(path)
        if (level or 0) < len(sizes):
            return Slide(path, level or 0, sizes)
    elif level is None:
        return path
    elif suffix in TIFF_SUFFIXES and (levels := levels_of(path)):
        if level < len(levels):
            return Level(path, levels[level][0], level)
        sizes = [size for _, size in levels]
    elif level == 0:
        return path
    else:
        sizes = [image_size(path)]
    there_are = ", ".join(f"{number} ({width}x{height})" for number, (height, width) in enumerate(sizes))
    raise InputError(f"{path} has no `level` {level}; it has {there_are}.")


def levels_of(path):
    """Return the levels of a TIFF: pairs (offset, (height, width)), the largest first; none if it is no pyramid.

    A file that is damaged has none: what is wrong with it is told where its picture is read.
    """
    try:
        with open(path, "rb") as file:
            found = Directories(file)
            pages = list(found)
            if not pages:
                return []
            whole, *behind = pages
            within = [found.at(offset) for offset in found.numbers(whole, _WITHIN)[:_MOST_LEVELS]]
            # Copies that stand behind another page are copies of that one.
            marked = [*within, *takewhile(lambda page: _kind(found, page), behind)]
            copies = [page for page in marked if _kind(found, page) & (COPY | MASK) == COPY]
            # A label or a macroscopic view has other proportions.
            smaller = _alike(found, whole, copies)
            if not smaller and len(_alike(found, whole, behind)) == len(behind):
                smaller = _alike(found, whole, behind)
            sizes = [size for _, size in smaller]
            if not smaller or any(one[0] <= other[0] for one, other in pairwise(sizes)):
                return []
            return [(whole.offset, _size(found, whole)), *smaller]
    except (OSError, Damaged):
        return []


def _alike(found, whole, pages):
    """Return the offset and size of each of some pages that is smaller than the whole in its proportions, by size."""
    height, width = _size(found, whole)
    sizes = [(page.offset, _size(found, page)) for page in pages]
    return sorted(
        (
            (offset, size)
            for offset, size in sizes
            # But for the rounding of its sides to whole pixels.
            if size[0] < height and abs(size[0] * width - size[1] * height) <= 2 * max(height, width)
        ),
        key=lambda one: one[1],
        reverse=True,
    )


def _kind(found, page):
    return found.numbers(page, SUBFILE_TYPE, (0,))[0] & (COPY | MASK)


def _size(found, page):
    sides = [found.numbers(page, tag) for tag in (_HEIGHT, _WIDTH)]
    if not all(sides):
        raise Damaged("it does not say how large its picture is")
    return tuple(side[0] for side in sides)
