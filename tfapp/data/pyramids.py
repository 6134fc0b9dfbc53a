"""Pyramids in TIFFs: which of their pictures are smaller copies of another one, and not a label or a thumbnail.

Levels are the first page and the pages, or directories within that page, which are marked as smaller copies of it
(OME-TIFF, GeoTIFF, what libvips and QuPath write). Some programs leave the mark out: then pages behind the first are
levels where somebody asks for one. Scanners mark the photograph of a slide's label as they mark copies, and put a
thumbnail between levels. So a level must have the proportions of the first page and show the same picture.
"""

import re
from contextlib import suppress
from typing import NamedTuple

from tfapp.data.same_picture import Comparison
from tfapp.data.stacks import COPY, SUBFILE_TYPE, description_of, kind_of
from tfapp.data.tiff_directories import Damaged, Directories
from tfapp.data.tiff_page import TiffPage

_WIDTH, _HEIGHT, _ORIENTATION, _TILE_WIDTH, _WITHIN, _XMP = 256, 257, 274, 322, 330, 700
_UPRIGHT, _QUARTER_TURNS = 1, (5, 6, 7, 8)
_MOST_LEVELS, _MOST_TEXT = 64, 2**20
# Aperio's scanners mark the photograph of the slide by it, beside the bit of smaller copies.
_MACRO = 8
# At the beginning of a line: "label 415x422", "Label_Image", "Thumbnail".
_BESIDE = re.compile(r"^\W*(label|macro|thumbnail)", re.IGNORECASE | re.MULTILINE)
_ORIENTATION_IN_XMP = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')


class Copy(NamedTuple):
    """One level.

    Attributes:
        picture: Its `TiffPage`, with the orientation of the first level where it has none itself.
        size: (height, width), turned so.
    """

    picture: TiffPage
    size: tuple[int, int]


def pyramids_of(path):
    """Return the levels of each page of a TIFF: lists of `Copy`, the largest first.

    A file that is damaged has none: what is wrong with it is told where its picture is read.
    """
    try:
        with open(path, "rb") as file, Comparison() as comparison:
            return _Pyramids(path, Directories(file), comparison).all()
    except (OSError, Damaged):
        return []


class _Pyramids:
    def __init__(self, path, found, comparison):
        self._path, self._found, self._comparison = path, found, comparison

    def all(self):
        groups = []
        for page in self._found:
            # Copies and masks that stand behind a page are of that one.
            if groups and kind_of(self._found, page):
                groups[-1].append(page)
            else:
                groups.append([page])
        pyramids = [self._marked(*group) for group in groups]
        if len(groups) > 1 and all(len(levels) == 1 for levels in pyramids):
            unmarked = self._unmarked(*(whole for whole, *_ in groups))
            return [unmarked] if unmarked else pyramids
        return pyramids

    def _marked(self, whole, *behind):
        found = self._found
        within = [found.at(offset) for offset in found.numbers(whole, _WITHIN)[:_MOST_LEVELS]]
        first = self._copy(whole)
        copies = [
            self._copy(page, first)
            for page in (*within, *behind)
            if kind_of(found, page) == COPY and not self._is_beside(whole, page)
        ]
        # What cannot be compared is what it is marked as.
        return [first, *_in_scale(first, self._showing(first, copies, otherwise=True), copies)]

    def _unmarked(self, whole, *others):
        """Return the levels if all pages are levels, but for what is beside the picture; otherwise None: a stack."""
        first = self._copy(whole)
        # As scanners have it, and OpenSlide: a level is in tiles if the first page is, the label and the thumbnail not.
        tiled = _TILE_WIDTH in whole.entries
        copies = [
            self._copy(page, first)
            for page in others
            if not self._is_beside(whole, page) and (_TILE_WIDTH in page.entries or not tiled)
        ]
        if len(_smaller(first, copies)) < len(copies):
            return None
        showing = self._showing(first, copies, otherwise=False)
        levels = _in_scale(first, showing, copies)
        return [first, *levels] if levels and len(showing) == len(copies) else None

    def _copy(self, page, first=None):
        sides = [self._found.numbers(page, tag) for tag in (_HEIGHT, _WIDTH)]
        if not all(side and side[0] for side in sides):
            raise Damaged("it does not say how large its picture is")
        size = tuple(side[0] for side in sides)
        orientation = self._orientation(page) or (first.picture.orientation if first else _UPRIGHT)
        turned = size[::-1] if orientation in _QUARTER_TURNS else size
        return Copy(TiffPage(self._path, page.offset, orientation=orientation), turned)

    def _orientation(self, page):
        """Return the number of the orientation that a page tells, as Pillow looks for it; None for none."""
        (number,) = self._found.numbers(page, _ORIENTATION, (None,))[:1]
        text = page.entries.get(_XMP)
        if number is None and text:
            with suppress(Damaged):
                told = _ORIENTATION_IN_XMP.search(self._found.bytes_of(text, _MOST_TEXT))
                number = int(told[1]) if told else None
        return number

    def _is_beside(self, whole, page):
        """Return whether a page says that it is the label, the slide seen from afar, or a thumbnail."""
        if self._found.numbers(page, SUBFILE_TYPE, (0,))[0] & _MACRO:
            return True
        # Copies may have the words of the picture itself, which may be a map of labels.
        said, whole_said = (_BESIDE.search(description_of(self._found, one)) for one in (page, whole))
        return bool(said and not whole_said)

    def _showing(self, first, copies, otherwise):
        """Return those of some pages that show the first one smaller, the largest first, each size once.

        Args:
            first, copies: `Copy` of the page and of those, in the order of the file.
            otherwise: What is taken for the answer where pictures cannot be compared.
        """
        found = [first]
        for copy in _smaller(first, copies):
            # By the next larger one, of which the least has to be read, first.
            answers = (self._comparison.same(larger.picture, copy.picture) for larger in reversed(found))
            compared = [answer for answer in _until_true(answers) if answer is not None]
            if copy.size != found[-1].size and (any(compared) if compared else otherwise):
                found.append(copy)
        return found[1:]


def _smaller(first, copies):
    """Return those that are smaller than the first page in its proportions, by size."""
    height, width = first.size
    found = [
        copy
        for copy in copies
        # But for the rounding of its sides to whole pixels.
        if copy.size[0] < height
        and abs(copy.size[0] * width - copy.size[1] * height) <= 2 * max(height, width)
    ]
    return sorted(found, key=lambda one: one.size, reverse=True)


def _in_scale(first, showing, copies):
    """Return the levels among pages that show the first one, the largest first.

    These are all of them if each is smaller than the one before it in the file. Otherwise one of them is a thumbnail;
    levels are then those whose sides are whole fractions of the first one's, each of them a fraction of the level
    before.
    """
    if showing == [copy for copy in copies if copy in showing]:
        return showing
    levels, factor = [], 1
    for copy in showing:
        by = round(max(first.size) / max(copy.size))
        exact = all(abs(whole / by - side) <= 1 for whole, side in zip(first.size, copy.size, strict=True))
        if exact and by % factor == 0:
            levels.append(copy)
            factor = by
    return levels


def _until_true(answers):
    for answer in answers:
        yield answer
        if answer:
            return
