"""TIFF files of large pictures, in tiles and with smaller copies, that carry the hash of what they hold.

They are the pendant of `tfapp.data.own_pngs` for pictures that no program loads as a whole: QuPath, napari,
ImageJ with Bio-Formats and GIS show the copy that fits the screen and read the tiles in view.
"""

import hashlib
import os
import tempfile
from contextlib import contextmanager

import numpy as np
import tifffile

from tfapp.files import atomic_path, check_regular_file

_SIDE = 512
# A private tag, and the bytes of its value.
_TAG, _LENGTH = 65000, 64
_EMPTY = b"0" * _LENGTH
_BLOCK = 1 << 20
# Beyond that a file of classic TIFF could not hold pixels that do not become smaller by compression.
_MOST_CLASSIC = 3 * 2**30


@contextmanager
def own_tiff_rows(path, size, channels=1, palette=None):
    """Yield a function that writes the next rows of a picture; the file appears when the block ends with all of them.

    The rows wait uncompressed in a file without a name beside it, so that memory does not grow with the picture. Copies
    are smaller by 2, 4, ... until one fits a tile; of a palette their pixels are those in the middle of what becomes
    one pixel, otherwise means. A picture that could be larger than 4 GB is a BigTIFF.

    Args:
        path, size, channels, palette: As of `tfapp.data.own_pngs.own_png_rows`.

    Returns:
        Function of uint8 (rows, width), or (rows, width, 3) for three channels.
    """
    with atomic_path(path) as temporary, tempfile.TemporaryFile(dir=temporary.parent) as raw:
        rows = _Rows(raw, size, channels)
        yield rows.write
        rows.check_all_written()
        _write_pyramid(temporary, rows, palette)
        _put_hash(temporary)


def is_own_tiff(path):
    """Return whether a file is one of `own_tiff_rows`, and still holds what that wrote."""
    check_regular_file(path)
    try:
        place = _place_of_hash(path)
        if place is None:
            return False
        with open(path, "rb") as file:
            file.seek(place)
            return file.read(_LENGTH) == _hash(path, place)
    except (OSError, ValueError, tifffile.TiffFileError):  # no TIFF, or one that may not be read
        return False


class _Rows:
    """The rows of a picture in a file."""

    def __init__(self, file, size, channels):
        self._file, self.size, self.channels = file, tuple(size), channels
        self._written = 0

    def write(self, rows):
        self._file.write(np.ascontiguousarray(rows, np.uint8).data)
        self._written += len(rows)

    def check_all_written(self):
        if self._written != self.size[0]:
            raise ValueError(f"`rows` must be {self.size[0]} in all. Received: {self._written}.")

    def read(self, begin, end):
        """Return rows as uint8 (rows, width, channels)."""
        width = self.size[1]
        self._file.seek(begin * width * self.channels)
        found = self._file.read((end - begin) * width * self.channels)
        return np.frombuffer(found, np.uint8).reshape(-1, width, self.channels)


def _write_pyramid(path, rows, palette):
    shapes = _shapes(rows.size)
    options = {"dtype": np.uint8, "tile": (_SIDE, _SIDE), "compression": "zlib", "metadata": None}
    if rows.channels == 3:
        options["photometric"] = "rgb"
    elif palette is None:
        options["photometric"] = "minisblack"
    else:
        options |= {"photometric": "palette", "colormap": palette.T.astype(np.uint16) * 257}
    with tifffile.TiffWriter(
        path, bigtiff=rows.size[0] * rows.size[1] * rows.channels > _MOST_CLASSIC
    ) as writer:
        for number, shape in enumerate(shapes):
            first = {
                "subifds": len(shapes) - 1,
                "software": "tfapp predict",
                "extratags": [(_TAG, "s", 0, _EMPTY.decode(), True)],
            }
            writer.write(
                _tiles(rows, 2**number, shape, averaged=palette is None),
                shape=shape if rows.channels == 1 else (*shape, rows.channels),
                **options,
                **({"subfiletype": 1} if number else first),
            )


def _shapes(size):
    """Return (height, width) of a picture and of its smaller copies, down to the first that fits a tile."""
    shapes = [tuple(size)]
    while max(shapes[-1]) > _SIDE and min(shapes[-1]) > 1:
        factor = 2 ** len(shapes)
        shapes.append((size[0] // factor, size[1] // factor))
    return shapes


def _tiles(rows, factor, shape, averaged):
    """Yield the tiles, uint8 (side, side, channels) with zeros beyond the picture, of a copy smaller by a factor."""
    for top in range(0, shape[0], _SIDE):
        bottom = min(top + _SIDE, shape[0])
        band = np.empty((bottom - top, shape[1], rows.channels), np.uint8)
        step = max(1, _SIDE // factor)
        for begin in range(top, bottom, step):
            end = min(begin + step, bottom)
            band[begin - top : end - top] = _reduced(rows, factor, begin, end, shape[1], averaged)
        for left in range(0, shape[1], _SIDE):
            part = band[:, left : left + _SIDE]
            tile = np.zeros((_SIDE, _SIDE, rows.channels), np.uint8)
            tile[: part.shape[0], : part.shape[1]] = part
            yield tile if rows.channels > 1 else tile[..., 0]


def _reduced(rows, factor, begin, end, width, averaged):
    if factor == 1:
        return rows.read(begin, end)
    if not averaged:
        middle = factor // 2
        lines = [rows.read(row * factor + middle, row * factor + middle + 1)[0] for row in range(begin, end)]
        return np.stack(lines)[:, middle::factor][:, :width]
    found = rows.read(begin * factor, end * factor)[:, : width * factor]
    return np.rint(found.reshape(end - begin, factor, width, factor, -1).mean((1, 3))).astype(np.uint8)


def _place_of_hash(path):
    with tifffile.TiffFile(path) as file:
        tag = file.pages[0].tags.get(_TAG)
        return tag.valueoffset if tag is not None and tag.count == _LENGTH + 1 else None


def _put_hash(path):
    place = _place_of_hash(path)
    digest = _hash(path, place)
    with open(path, "r+b") as file:
        file.seek(place)
        file.write(digest)
        file.flush()
        os.fsync(file.fileno())


def _hash(path, place):
    """Return the hash of a file in which the place of the hash itself is empty, 64 bytes of hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        digest.update(file.read(place))
        digest.update(_EMPTY)
        file.seek(place + _LENGTH)
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest().encode()
