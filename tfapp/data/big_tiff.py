"""Pages of BigTIFF files in big-endian order, which Pillow does not read, as classic TIFF files that it does."""

import bisect
import io
import struct
from itertools import accumulate

from tfapp.data.tiff_directories import PIXELS, Damaged, Directories, Entry

SIGNATURE = b"MM\0+"
_SHORT, _LONG = 3, 4
# 64-bit types and the 32-bit ones in their place, with struct's codes of both.
_NARROWED = {16: (4, "Q", "I"), 17: (9, "q", "i")}
# Directories within the directory: they are further pictures, and what cameras note beside the orientation.
_LEFT_OUT = {330, 34665, 34853, 40965}
_HEADER, _ENTRY = 8, 12


def as_classic(file):
    """Return the first page of a big-endian BigTIFF as a classic one of that page alone.

    Its directory is written anew, with 32-bit offsets; pixels are read from the file where they are asked for.

    Args:
        file: Binary file object of it, which is closed with what is returned.

    Returns:
        Binary file object.

    Raises:
        tfapp.data.tiff_directories.Damaged: It is cut off, or its page takes more than 4 GB.
    """
    found = Directories(file)
    directory = found.first()
    parts = found.pixel_parts(directory)
    places = next(tags for tags in PIXELS if tags[0] in directory.entries)
    entries = {
        tag: _narrowed(entry.kind, entry.count, found.bytes_of(entry))
        for tag, entry in directory.entries.items()
        if tag not in _LEFT_OUT and entry.size
    }
    # Of the right size already, as the pixels lie behind.
    entries |= dict.fromkeys(places, Entry(_LONG, len(parts), bytes(4 * len(parts))))
    begin = _HEADER + 2 + _ENTRY * len(entries) + 4 + sum(map(_beside, entries.values()))
    offsets = [begin, *accumulate((count for _, count in parts), initial=begin)][1:]
    if sum(count for _, count in parts) > file.seek(0, io.SEEK_END):
        raise Damaged("it declares more bytes of pixels than the file has")
    if offsets[-1] >= 2**32:
        raise Damaged("its page takes more than 4 GB, and only those of less are read of big-endian BigTIFF")
    for tag, values in zip(places, (offsets[:-1], [count for _, count in parts]), strict=True):
        entries[tag] = Entry(_LONG, len(parts), struct.pack(f">{len(parts)}I", *values))
    return io.BufferedReader(_Joined(file, _written(entries), parts))


def _narrowed(kind, count, values):
    """Return an `Entry` that holds its values itself, of a type that classic TIFF has."""
    if kind not in _NARROWED:
        return Entry(kind, count, values)
    narrow, wide_code, code = _NARROWED[kind]
    try:
        return Entry(
            narrow, count, struct.pack(f">{count}{code}", *struct.unpack(f">{count}{wide_code}", values))
        )
    except struct.error:
        raise Damaged("a number in its tags has more than 32 bits") from None


def _beside(entry):
    """Return how many bytes the values of a tag take beside the directory: none where they fit, otherwise even ones."""
    return 0 if entry.size <= 4 else entry.size + entry.size % 2


def _written(entries):
    table, beside, place = b"", b"", _HEADER + 2 + _ENTRY * len(entries) + 4
    for tag, entry in sorted(entries.items()):
        values = entry.field
        if _beside(entry):
            beside += values.ljust(_beside(entry), b"\0")
            values, place = struct.pack(">I", place), place + _beside(entry)
        table += struct.pack(">HHI", tag, entry.kind, entry.count) + values.ljust(4, b"\0")
    return b"MM\0*" + struct.pack(">IH", _HEADER, len(entries)) + table + bytes(4) + beside


class _Joined(io.RawIOBase):
    """Bytes, and behind them parts of a file in their order.

    It has no descriptor of the system's, by which libtiff would read the file itself.
    """

    def __init__(self, file, head, parts):
        super().__init__()
        self._file, self._head, self._parts, self._place = file, head, parts, 0
        self._begins = list(accumulate((count for _, count in parts), initial=len(head)))

    def readable(self):
        return True

    def seekable(self):
        return True

    def seek(self, offset, whence=io.SEEK_SET):
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._begins[-1]}[whence]
        self._place = max(start + offset, 0)
        return self._place

    def tell(self):
        return self._place

    def readinto(self, buffer):
        data = self._piece(len(buffer))
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)

    def _piece(self, most):
        if self._place < len(self._head):
            return self._head[self._place : self._place + most]
        if self._place >= self._begins[-1]:
            return b""
        number = bisect.bisect_right(self._begins, self._place) - 1
        offset, count = self._parts[number]
        within = self._place - self._begins[number]
        self._file.seek(offset + within)
        return self._file.read(min(most, count - within))

    def close(self):
        self._file.close()
        super().close()
