"""PNG files that carry the hash of what they hold, by which a later call knows its own that nobody has changed."""

import hashlib
import io
import struct
import zlib
from contextlib import contextmanager

import numpy as np
from PIL.PngImagePlugin import PngInfo

from tfapp.files import atomic_path, check_regular_file

# What tells people where a file is from; other programs keep such texts, or lose them, when they save it again.
_PROGRAM = ("Software", "tfapp predict")
_KEYWORD = b"tfapp-sha256\0"
# Behind the signature of a PNG, 8 bytes, and its header, a chunk of 25.
_PLACE = 33
_LENGTH = 12 + len(_KEYWORD) + 64
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB, _PALETTE = 0, 2, 3
# How a row is filtered before it is compressed: not at all, or as the difference from the pixel before.
_UNFILTERED, _DIFFERENCES = 0, 1
_BLOCK = 1 << 20


def save_own_png(picture, path):
    """Write a PIL picture as a PNG by write-then-rename, with a hash of all its bytes in a text of its own."""
    content, info = io.BytesIO(), PngInfo()
    info.add_text(*_PROGRAM)
    picture.save(content, format="PNG", pnginfo=info)
    content = content.getvalue()
    with atomic_path(path) as temporary:
        temporary.write_bytes(content[:_PLACE] + _hash_chunk(hashlib.sha256(content)) + content[_PLACE:])


@contextmanager
def own_png_rows(path, size, channels=1, palette=None):
    """Yield a function that writes the next rows of a picture; the file is as `save_own_png` would leave it.

    No more than the rows at hand is in memory. The file appears when the block ends and all rows were written.

    Args:
        path: The file.
        size: Pair (height, width).
        channels: 1 or 3.
        palette: uint8 (256, 3), the colours that the values of one channel stand for; None for grey levels.

    Returns:
        Function of uint8 (rows, width), or (rows, width, 3) for three channels.
    """
    with atomic_path(path) as temporary, open(temporary, "w+b") as file:
        writer = _RowWriter(file, size, channels, palette)
        yield writer.write
        writer.finish()


def is_own_png(path):
    """Return whether a file is one of `save_own_png`, and still holds what that wrote."""
    check_regular_file(path)
    try:
        with open(path, "rb") as file:
            head, chunk = file.read(_PLACE), file.read(_LENGTH)
            if chunk[4 : 8 + len(_KEYWORD)] != b"tEXt" + _KEYWORD:
                return False
            digest = hashlib.sha256(head)
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError:  # such as a file that may not be read
        return False
    return chunk == _hash_chunk(digest)


class _RowWriter:
    def __init__(self, file, size, channels, palette):
        self._file, self._size, self._channels = file, size, channels
        self._rows = 0
        kind = _RGB if channels == 3 else _GREY if palette is None else _PALETTE
        # Numbers of classes have no slope, so that their differences would only be harder to compress.
        self._filter = _UNFILTERED if kind == _PALETTE else _DIFFERENCES
        self._compressor = zlib.compressobj(6)
        header = struct.pack(">IIBBBBB", size[1], size[0], 8, kind, 0, 0, 0)
        head = _SIGNATURE + _chunk(b"IHDR", header)
        self._digest = hashlib.sha256()
        self._put(head)
        # The hash is of all other bytes and is put here in the end.
        file.write(bytes(_LENGTH))
        self._put(_chunk(b"tEXt", "\0".join(_PROGRAM).encode("latin-1")))
        if kind == _PALETTE:
            self._put(_chunk(b"PLTE", palette.tobytes()))

    def write(self, rows):
        flat = np.ascontiguousarray(rows).reshape(len(rows), -1)
        lines = np.full((len(rows), flat.shape[1] + 1), self._filter, np.uint8)
        lines[:, 1:] = flat
        if self._filter == _DIFFERENCES:
            lines[:, 1 + self._channels :] -= flat[:, : -self._channels]
        self._rows += len(rows)
        self._data(self._compressor.compress(lines))

    def finish(self):
        if self._rows != self._size[0]:
            raise ValueError(f"`rows` must be {self._size[0]} in all. Received: {self._rows}.")
        self._data(self._compressor.flush())
        self._put(_chunk(b"IEND", b""))
        self._file.seek(_PLACE)
        self._file.write(_hash_chunk(self._digest))

    def _data(self, compressed):
        for begin in range(0, len(compressed), _BLOCK):
            self._put(_chunk(b"IDAT", compressed[begin : begin + _BLOCK]))

    def _put(self, content):
        self._digest.update(content)
        self._file.write(content)


def _hash_chunk(digest):
    """Return the chunk of text with the hash of the other bytes of a PNG."""
    return _chunk(b"tEXt", _KEYWORD + digest.hexdigest().encode())


def _chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
