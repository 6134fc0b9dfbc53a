"""Stacks: TIFF files whose pages are images of one series, as microscopes write them. Each page is read as an image."""

import re
from dataclasses import dataclass
from pathlib import Path

from tfapp.data.file_parts import FilePart
from tfapp.data.tiff_directories import Damaged, Directories
from tfapp.data.tiff_page import TiffPage
from tfapp.errors import InputError
from tfapp.files import check_regular_file

TIFF_SUFFIXES = (".tif", ".tiff")
# NewSubfileType, whose bits say that a page is a smaller copy (1) or a transparency mask (4) of another.
SUBFILE_TYPE, COPY, MASK = 254, 1, 4
_DESCRIPTION, _SAMPLES = 270, 277
# The descriptions of microscopes are long, but what is looked for stands at their beginning.
_MOST_TEXT = 2**20


@dataclass(frozen=True)
class Page(TiffPage):
    """One page of a stack; it can be given wherever the path of an image is read.

    Attributes:
        number: Which page, from 1.
        count: Pages of the stack.
    """

    number: int
    count: int

    @property
    def stem(self):
        """Name that it would have as a file, without suffix: `NAME-03` for the third of at most 99 pages."""
        return f"{self.file.stem}-{self.number:0{len(str(self.count))}}"

    def __str__(self):
        return f"{self.file} (page {self.number})"


def pages_of(path):
    """Return the pages of an image file: a tuple of `Page`s if it is a stack, otherwise of the path alone.

    Smaller copies and transparency masks, which some programs put behind an image, are no pages. A damaged file counts
    as one image: what is wrong with it is told where it is read.

    Raises:
        InputError: The pages are the channels of images, as some microscopes store them, and not images.
    """
    if isinstance(path, FilePart) or Path(path).suffix.lower() not in TIFF_SUFFIXES:
        return (path,)
    check_regular_file(path, "an image")
    try:
        with open(path, "rb") as file:
            found = page_offsets(file)
            if len(found) < 2:
                return (path,)
            _refuse_channels(path, len(found), Directories(file))
    except (OSError, Damaged):
        return (path,)
    return tuple(Page(Path(path), offset, number, len(found)) for number, offset in enumerate(found, 1))


def page_offsets(file):
    """Return the offset of each page of a TIFF, smaller copies and masks left out; `Damaged` if that is not known.

    Args:
        file: Binary file object.
    """
    found = Directories(file)
    return [directory.offset for directory in found if not kind_of(found, directory)]


def kind_of(found, directory):
    """Return what a page of `Directories` is of another: `COPY`, `MASK`, both of them, or 0 for a page by itself."""
    return found.numbers(directory, SUBFILE_TYPE, (0,))[0] & (COPY | MASK)


def description_of(found, directory):
    """Return what a page of `Directories` says of itself in words, the beginning of it."""
    entry = directory.entries.get(_DESCRIPTION)
    try:
        return found.bytes_of(entry, _MOST_TEXT).decode("utf-8", "replace") if entry else ""
    except Damaged:  # a text that is cut off tells nothing of the pixels
        return ""


def expanded(paths):
    """Return paths of images with every stack among them replaced by its pages; errors as of `pages_of`."""
    return [page for path in paths for page in pages_of(path)]


def declared_pages(image):
    """Return the images that ImageJ says are in a TIFF file, of which only the first is a page, otherwise 1.

    ImageJ stores stacks above 4 GB so: one page, and the pixels of all images behind it.

    Args:
        image: Pillow's `Image` of a TIFF.
    """
    description = str(image.tag_v2.get(_DESCRIPTION, ""))
    found = re.search(r"^images=(\d{1,9})\s*$", description, re.MULTILINE)
    return int(found[1]) if description.startswith("ImageJ=") and found else 1


def stacks_sentence(pages):
    """Return a sentence that says which of these images are pages of stacks, or None if none is."""
    counts = {page.file: page.count for page in pages if isinstance(page, Page)}
    if not counts:
        return None
    first, count = next(iter(counts.items()))
    others = f", one of {len(counts)} stacks" if len(counts) > 1 else ""
    return f"{first} is a stack of {count} pages{others}: each page is read as an image of its own."


def _refuse_channels(path, count, found):
    first = found.first()
    (samples,) = found.numbers(first, _SAMPLES, (1,))[:1]
    description = description_of(found, first)
    imagej = re.search(r"^channels=(\d{1,9})\s*$", description, re.MULTILINE)
    ome = re.search(r'\bSizeC="(\d{1,9})"', description)
    channels = int(imagej[1]) if imagej else int(ome[1]) // max(samples, 1) if ome else 1
    if channels > 1:
        raise InputError(
            f"{path} holds {count} pages that are {channels} channels of the same images; expected pages that are "
            "images: save it with one channel, or with colours (in ImageJ, Image > Type > RGB Color)."
        )
