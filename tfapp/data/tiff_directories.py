"""Directories of TIFF files, classic and BigTIFF in both orders of bytes: where they are, their tags, what is cut off.

They are read here and not by a library because a file that is cut short is told by what is missing, and because a stack
is read page by page without a look at all of its tags.
"""

import io
import struct
from typing import NamedTuple

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# Bytes of a value by the number of its type, and struct's codes of those that are whole numbers.
_BYTES = {
    **dict.fromkeys((1, 2, 6, 7), 1),
    **dict.fromkeys((3, 8), 2),
    **dict.fromkeys((4, 9, 11, 13), 4),
    **dict.fromkeys((5, 10, 12, 16, 17, 18), 8),
}
_WHOLE = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
# Tags of where the pixels are and how many bytes of them: of strips, or of tiles.
PIXELS = ((273, 279), (324, 325))
_SIZE = (256, 257)
# Without one of these, or with a part of it, a picture would be read as another one.
_ESSENTIAL = (
    *_SIZE,
    258,
    259,
    262,
    266,
    277,
    278,
    284,
    317,
    320,
    322,
    323,
    338,
    339,
    347,
    530,
    *sum(PIXELS, ()),
)
_MOST_NUMBERS = 2**24


class Damaged(ValueError):
    """A TIFF file is not as it should be: words on it, for a sentence in brackets."""


class Entry(NamedTuple):
    """A tag of a directory as it is stored.

    Attributes:
        kind: Number of its type.
        count: How many values.
        field: Bytes of the values where they fit, otherwise of the offset of them.
    """

    kind: int
    count: int
    field: bytes

    @property
    def size(self):
        """Bytes of its values, 0 of a type that is not known."""
        return _BYTES.get(self.kind, 0) * self.count


class Directory(NamedTuple):
    """A page: the place of its directory, and its `Entry` by tag."""

    offset: int
    entries: dict[int, Entry]


class Directories:
    """The directories of a TIFF, in their order.

    Args:
        file: Binary file object; it may be moved in between.

    Attributes:
        is_big: Whether it is a BigTIFF.
        order: Order of its bytes, as struct has it.
        pointer: Offset of the first directory's offset, and struct's code of an offset.

    Raises:
        Damaged: It does not begin as a TIFF does, or ends before its first offset.
    """

    def __init__(self, file):
        self._file, self._size = file, file.seek(0, io.SEEK_END)
        file.seek(0)
        head = file.read(4)
        if head not in SIGNATURES:
            raise Damaged("it does not begin as a TIFF does")
        self.order, self.is_big = "<" if head[:1] == b"I" else ">", b"+" in head[2:]
        self.pointer = (8, "Q") if self.is_big else (4, "I")
        self._first = self._number(self.pointer[1], self.pointer[0], "its header reaches")

    def __iter__(self):
        """Yield each `Directory`; `Damaged` if one is cut off, or if the chain of them comes back to itself."""
        offset, seen = self._first, set()
        while offset:
            if offset in seen:
                raise Damaged("the chain of its directories comes back to itself")
            seen.add(offset)
            directory, offset = self._directory(offset, f"its directory {len(seen)} reaches")
            yield directory

    def at(self, offset):
        """Return the `Directory` at an offset that the tags of another one name; `Damaged` if it is cut off."""
        return self._directory(offset, "the directory of a smaller copy reaches")[0]

    def _directory(self, offset, what):
        code = self.pointer[1]
        counter, entry = (code, "HHQ8s") if self.is_big else ("H", "HHI4s")
        count = self._number(counter, offset, what)
        begin = offset + struct.calcsize(counter)
        end = begin + count * struct.calcsize(f"<{entry}")
        entries = {}
        for tag, *stored in struct.iter_unpack(self.order + entry, self._read(begin, end - begin, what)):
            entries.setdefault(tag, Entry(*stored))
        return Directory(offset, entries), self._number(code, end, what)

    def first(self):
        """Return the first `Directory`; `Damaged` for none, too."""
        found = next(iter(self), None)
        if found is None:
            raise Damaged("it has no page")
        return found

    def bytes_of(self, entry, most=None):
        """Return the bytes of the values of a tag, at most so many; `Damaged` where they are cut off."""
        size = entry.size if most is None else min(entry.size, most)
        if entry.size <= len(entry.field):
            return entry.field[:size]
        (offset,) = struct.unpack(self.order + self.pointer[1], entry.field)
        return self._read(offset, size, "the values of its tags reach")

    def numbers(self, directory, tag, otherwise=()):
        """Return the whole numbers of a tag as a tuple, `otherwise` without them; `Damaged` where they are cut off."""
        entry = directory.entries.get(tag)
        if entry is None or entry.kind not in _WHOLE or not entry.count:
            return otherwise
        if entry.count > _MOST_NUMBERS:
            raise Damaged(f"its tag {tag} declares {entry.count:,} values")
        return struct.unpack(f"{self.order}{entry.count}{_WHOLE[entry.kind]}", self.bytes_of(entry))

    def pixel_parts(self, directory):
        """Return the pairs (offset, bytes) of the strips or tiles of a page.

        Raises:
            Damaged: It does not say where they are, or they are cut off.
        """
        for tags in PIXELS:
            offsets, counts = (self.numbers(directory, tag) for tag in tags)
            if offsets and len(offsets) == len(counts):
                parts = list(zip(offsets, counts, strict=True))
                self._check_end(max(map(sum, parts)), "its pixels reach")
                return parts
        raise Damaged("it does not say where its pixels are")

    def check_essential(self):
        """Raise `Damaged` if the first page lacks its size, or a part of what its pixels are read by."""
        directory = self.first()
        for tag in _ESSENTIAL:
            if tag in directory.entries:
                self.bytes_of(directory.entries[tag])
            elif tag in _SIZE:
                raise Damaged("it does not say how large its picture is")

    def _number(self, code, offset, what):
        return struct.unpack(self.order + code, self._read(offset, struct.calcsize(f"<{code}"), what))[0]

    def _read(self, offset, length, what):
        # What a file only declares takes no memory.
        self._check_end(offset + length, what)
        self._file.seek(offset)
        return self._file.read(length)

    def _check_end(self, end, what):
        if end > self._size:
            raise Damaged(f"{what} to byte {end:,}, and the file ends at byte {self._size:,}")


def what_is_cut_off(file):
    """Return words on what is wrong with the structure of a TIFF, as at the end of its file, or None if nothing is."""
    try:
        found = Directories(file)
        found.check_essential()
        for directory in found:
            # Some programs leave out how many bytes there are: then nobody can tell.
            if not any(
                place in directory.entries and length not in directory.entries for place, length in PIXELS
            ):
                parts = found.pixel_parts(directory)
                empty = sum(not count for _, count in parts)
                if empty:
                    return (
                        f"{empty} of its {len(parts)} tiles or strips were left out, as a sparse GeoTIFF has it: write "
                        "it again with all of them, by GDAL without SPARSE_OK"
                    )
    except Damaged as error:
        return str(error)
    return None
