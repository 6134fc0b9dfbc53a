"""Levels of pyramids: a picture with smaller copies of itself, as microscopes and slide scanners write them.

Of a TIFF they are its first page and the pages, or directories within that page, which are marked as smaller copies
of it (OME-TIFF, GeoTIFF, what libvips and QuPath write). The formats of slide scanners are opened by OpenSlide.
"""

from dataclasses import dataclass
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
        number: Which level, from 1; level 0 is the picture itself.
    """

    number: int

    @property
    def stem(self):
        return self.file.stem

    def __str__(self):
        return f"{self.file} (level {self.number})"


def at_level(path, level):
    """Return what is read of an image at a level of its pyramid: the path itself, a `Level` of a TIFF, or a `Slide`.

    Args:
        path: The file.
        level: 0 for the whole resolution, or the number of a smaller copy, from the largest to the smallest.

    Raises:
        InputError: There is no such level, which is told with the sizes of those there are; a slide cannot be opened.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in SLIDE_SUFFIXES:
        sizes = slide_sizes(path)
        if level < len(sizes):
            return Slide(path, level, sizes)
    elif not level:
        return path
    elif suffix in TIFF_SUFFIXES:
        copies = smaller_copies(path)
        if level <= len(copies):
            return Level(path, copies[level - 1][0], level)
        sizes = [image_size(path), *(size for _, size in copies)]
    else:
        sizes = [image_size(path)]
    there_are = ", ".join(f"{number} ({width}x{height})" for number, (height, width) in enumerate(sizes))
    raise InputError(f"{path} has no `level` {level}; it has {there_are}.")


def smaller_copies(path):
    """Return the smaller copies of the first page of a TIFF: pairs (offset, (height, width)), the largest first.

    A file that is damaged has none: what is wrong with it is told where its picture is read.
    """
    try:
        with open(path, "rb") as file:
            found = Directories(file)
            pages = iter(found)
            whole = next(pages, None)
            if whole is None:
                return []
            within = found.numbers(whole, _WITHIN)[:_MOST_LEVELS]
            copies = [found.at(offset) for offset in within]
            for page in pages:
                # Copies that stand behind another page are copies of that one.
                if not found.numbers(page, SUBFILE_TYPE, (0,))[0] & (COPY | MASK):
                    break
                copies.append(page)
            size = _size(found, whole)
            sized = {page.offset: _size(found, page) for page in copies if _is_copy(found, page)}
    except (OSError, Damaged):
        return []
    smaller = [
        (offset, (height, width))
        for offset, (height, width) in sized.items()
        # Of a label or a macroscopic view the sides have other proportions.
        if height < size[0] and width < size[1] and _are_alike((height, width), size)
    ]
    return sorted(smaller, key=lambda one: one[1], reverse=True)


def _is_copy(found, page):
    return found.numbers(page, SUBFILE_TYPE, (0,))[0] & (COPY | MASK) == COPY


def _size(found, page):
    sides = [found.numbers(page, tag) for tag in (_HEIGHT, _WIDTH)]
    if not all(sides):
        raise Damaged("it does not say how large its picture is")
    return tuple(side[0] for side in sides)


def _are_alike(size, whole):
    """Return whether a copy has the proportions of the whole, but for the rounding of its sides to whole pixels."""
    return abs(size[0] * whole[1] - size[1] * whole[0]) <= 2 * max(whole)
