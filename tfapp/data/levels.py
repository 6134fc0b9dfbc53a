"""Levels of pyramids: a picture with smaller copies of itself, as microscopes and slide scanners write them.

Of a TIFF they are its first page and the pages, or directories within that page, which are marked as smaller copies
of it (OME-TIFF, GeoTIFF, what libvips and QuPath write). Some programs leave the mark out: then pages of which each is
smaller than the one before, in the same proportions, are levels where somebody asks for one. The formats of slide
scanners are opened by OpenSlide.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tfapp.data.images import image_size
from tfapp.data.slides import SLIDE_SUFFIXES, slide_levels
from tfapp.data.stacks import COPY, TIFF_SUFFIXES, Page, kind_of, pages_of
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
        page: The `Page` of a stack that it is a copy of; None where there is no other.
    """

    number: int
    page: Page | None = None

    @property
    def stem(self):
        return (self.page or self.file).stem

    def __str__(self):
        return f"{self.page or self.file} (level {self.number})"


def at_level(path, level):
    """Return what is read of an image file at a level of its pyramids, a tuple.

    Args:
        path: The file.
        level: 0 for the whole resolution, or the number of a smaller copy, from the largest to the smallest; None for 0
            where a file says by itself that it has levels.

    Returns:
        A `Slide`; or a `Level` of each page of a TIFF; or what `pages_of` returns, of a file without levels.

    Raises:
        InputError: There is no such level, which is told with the sizes of those there are; a slide cannot be opened;
            as of `pages_of`.
    """
    path = Path(path)
    if path.suffix.lower() in SLIDE_SUFFIXES:
        slides = slide_levels(path)
        _check_level(path, level or 0, slides[0].sizes)
        return (slides[level or 0],)
    pyramids = [] if level is None or path.suffix.lower() not in TIFF_SUFFIXES else pyramids_of(path)
    if not level and all(len(levels) == 1 for levels in pyramids):
        return pages_of(path)
    if not pyramids:
        _check_level(path, level, [image_size(path)])
    # By the first: of a pyramid whose copies nothing marks each is a page.
    pages = {page.offset: page for page in pages_of(path)} if len(pyramids) > 1 else {}
    found = []
    for levels in pyramids:
        page = pages.get(levels[0][0])
        _check_level(page or path, level, [size for _, size in levels])
        found.append(Level(path, levels[level][0], level, page))
    return tuple(found)


def _check_level(path, level, sizes):
    if level >= len(sizes):
        there_are = ", ".join(f"{number} ({width}x{height})" for number, (height, width) in enumerate(sizes))
        raise InputError(f"{path} has no `level` {level}; it has {there_are}.")


def pyramids_of(path):
    """Return the levels of each page of a TIFF: pairs (offset, (height, width)), the largest first.

    A file that is damaged has none: what is wrong with it is told where its picture is read.
    """
    try:
        with open(path, "rb") as file:
            found, groups = Directories(file), []
            for page in found:
                # Copies and masks that stand behind a page are of that one.
                if groups and kind_of(found, page):
                    groups[-1].append(page)
                else:
                    groups.append([page])
            pyramids = [_levels(found, *group) for group in groups]
            if len(groups) > 1 and all(len(levels) == 1 for levels in pyramids):
                unmarked = _falling(found, *(whole for whole, *_ in groups))
                if len(unmarked) == len(groups):
                    return [unmarked]
            return pyramids
    except (OSError, Damaged):
        return []


def _levels(found, whole, *behind):
    within = [found.at(offset) for offset in found.numbers(whole, _WITHIN)[:_MOST_LEVELS]]
    return _falling(found, whole, *(page for page in (*within, *behind) if kind_of(found, page) == COPY))


def _falling(found, whole, *copies):
    """Return the offset and size of a page and of those copies that have its proportions, as a label has not."""
    smaller = _alike(found, whole, copies)
    sizes = [size for _, size in smaller]
    if any(one[0] <= other[0] for one, other in pairwise(sizes)):
        smaller = []
    return [(whole.offset, _size(found, whole)), *smaller]


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


def _size(found, page):
    sides = [found.numbers(page, tag) for tag in (_HEIGHT, _WIDTH)]
    if not all(sides):
        raise Damaged("it does not say how large its picture is")
    return tuple(side[0] for side in sides)
