"""Stacks: TIFF files whose pages are images of one series, as microscopes write them. Each page is read as an image."""

import io
import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path

from tfapp.errors import InputError
from tfapp.files import check_regular_file

TIFF_SUFFIXES = (".tif", ".tiff")
# NewSubfileType, whose bits say that a page is a smaller copy (1) or a transparency mask (4) of another.
SUBFILE_TYPE, COPY_OR_MASK = 254, 1 | 4
_DESCRIPTION, _SAMPLES = 270, 277
# Types of values: text, and a whole number of 16 bits; others that occur here have 32.
_TEXT, _SHORT = 2, 3
# The descriptions of microscopes are long, but what is looked for stands at their beginning.
_MOST_TEXT = 2**20
# Classic TIFF and BigTIFF: the number after the byte order, struct codes of the count of a directory's entries and of
# an offset, bytes of an entry, and where in the header the first offset is.
_FORMS = {42: ("H", "I", 12, 4), 43: ("Q", "Q", 20, 8)}


@dataclass(frozen=True)
class Page(os.PathLike):
    """One page of a stack; it can be given wherever the path of an image is read.

    Attributes:
        file: The TIFF file.
        number: Which page, from 1.
        count: Pages of the stack.
        offset: Where in the file its directory is.
    """

    file: Path
    number: int
    count: int
    offset: int

    @property
    def stem(self):
        """Name that it would have as a file, without suffix: `NAME-03` for the third of at most 99 pages."""
        return f"{self.file.stem}-{self.number:0{len(str(self.count))}}"

    @property
    def suffix(self):
        return self.file.suffix

    @property
    def name(self):
        return self.stem + self.suffix

    @property
    def parent(self):
        return self.file.parent

    def __fspath__(self):
        return str(self.file)

    def __str__(self):
        return f"{self.file} (page {self.number})"

    def open(self):
        """Return a file object of the stack in which this page is the first: no other has to be read."""
        return io.BufferedReader(_FromPage(self.file, self.offset))


class _FromPage(io.FileIO):
    """A TIFF file whose header points to another directory than the one on disk does."""

    def __init__(self, path, offset):
        super().__init__(path)
        order, code, place = _header(super().read(16))
        self._start, self._pointer = place, struct.pack(order + code, offset)
        self.seek(0)

    def readinto(self, buffer):
        begin = self.tell()
        count = super().readinto(buffer)
        for index, value in enumerate(self._pointer, self._start - begin):
            if 0 <= index < count:
                buffer[index] = value
        return count


def pages_of(path):
    """Return the pages of an image file: a tuple of `Page`s if it is a stack, otherwise of the path alone.

    Smaller copies and transparency masks, which some programs put behind an image, are no pages. A damaged file counts
    as one image: what is wrong with it is told where it is read.

    Raises:
        InputError: The pages are the channels of images, as some microscopes store them, and not images.
    """
    if Path(path).suffix.lower() not in TIFF_SUFFIXES:
        return (path,)
    check_regular_file(path, "an image")
    try:
        directories = _directories(path)
    except (OSError, ValueError, KeyError, struct.error):
        return (path,)
    found = [offset for offset, tags in directories if not tags.get(SUBFILE_TYPE, 0) & COPY_OR_MASK]
    if len(found) < 2:
        return (path,)
    _refuse_channels(path, len(found), directories[0][1])
    return tuple(Page(Path(path), number, len(found), offset) for number, offset in enumerate(found, 1))


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


def _refuse_channels(path, count, first):
    description, samples = first.get(_DESCRIPTION, ""), first.get(_SAMPLES, 1)
    imagej = re.search(r"^channels=(\d{1,9})\s*$", description, re.MULTILINE)
    ome = re.search(r'\bSizeC="(\d{1,9})"', description)
    channels = int(imagej[1]) if imagej else int(ome[1]) // max(samples, 1) if ome else 1
    if channels > 1:
        raise InputError(
            f"{path} holds {count} pages that are {channels} channels of the same images; expected pages that are "
            "images: save it with one channel, or with colours (in ImageJ, Image > Type > RGB Color)."
        )


def _header(head):
    """Return (byte order, struct code of an offset, place of the first one) of a TIFF's first 16 bytes."""
    order = {b"II": "<", b"MM": ">"}[head[:2]]
    _, code, _, place = _FORMS[struct.unpack(order + "H", head[2:4])[0]]
    return order, code, place


def _directories(path):
    """Return (offset, the tags that matter here) of each directory of a TIFF file, in their order."""
    found, seen = [], set()
    with open(path, "rb") as file:
        head = file.read(16)
        order, code, place = _header(head)
        counter, _, size, _ = _FORMS[struct.unpack(order + "H", head[2:4])[0]]
        (offset,) = struct.unpack_from(order + code, head, place)
        while offset:
            if offset in seen:
                raise ValueError("The chain of directories comes back to itself.")
            seen.add(offset)
            file.seek(offset)
            (count,) = struct.unpack(order + counter, file.read(struct.calcsize(order + counter)))
            entries = file.read(count * size)
            (following,) = struct.unpack(order + code, file.read(struct.calcsize(order + code)))
            # Of the later pages only what they are: a stack may repeat a long description in each.
            wanted = (SUBFILE_TYPE, _DESCRIPTION, _SAMPLES) if not found else (SUBFILE_TYPE,)
            found.append((offset, _tags(file, entries, order, code, size, wanted)))
            offset = following
    return found


def _tags(file, entries, order, code, size, wanted):
    """Return the values of the tags that are wanted by number: a whole number, or text."""
    values = {}
    for start in range(0, len(entries) - size + 1, size):
        tag, kind = struct.unpack_from(order + "HH", entries, start)
        if tag not in wanted:
            continue
        (length,) = struct.unpack_from(order + code, entries, start + 4)
        value = start + 4 + struct.calcsize(order + code)
        if kind == _TEXT:
            inline = entries[value : start + size]
            if length > len(inline):
                file.seek(struct.unpack_from(order + code, inline)[0])
                inline = file.read(min(length, _MOST_TEXT))
            values[tag] = inline[:length].decode("utf-8", "replace")
        else:
            values[tag] = struct.unpack_from(order + ("H" if kind == _SHORT else "I"), entries, value)[0]
    return values
