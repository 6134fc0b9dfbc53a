"""Parts of a TIFF file, by tifffile: rows of one without compression, tiles or strips of another."""

from collections import OrderedDict
from pathlib import Path

import numpy as np
import tifffile

from tfapp.data.images import deep_values
from tfapp.data.opening import UPRIGHT, open_image, orientation
from tfapp.data.stacks import TIFF_SUFFIXES
from tfapp.data.tiff_page import TiffPage
from tfapp.errors import InputError

# Tiles or strips that are kept decoded, as neighbouring parts need the same ones again.
_KEPT_BYTES = 64 << 20
# Smaller images are no concern, and Pillow reads more kinds of them.
LEAST_PIXELS = 1 << 22
_GREY, _RGB, _MOST_SAMPLES = 1, 2, 64
# ExtraSamples: of unknown meaning, and a transparency that the colours were not multiplied by.
_NOT_MULTIPLIED = ((0,), (2,))


class TiffWindows:
    """Reader of parts, as `tfapp.data.windows.open_windows` describes it, of the first image of a TIFF file.

    Args:
        path: The file.
        channels: 1 or 3.
        file: tifffile's `TiffFile`.
        opened: The binary file object that it reads; both are closed with the reader.

    Attributes:
        size: (height, width) as it is stored.
        stored_like: What has to be the same of two pictures so that their `pixels` mean the same.
    """

    def __init__(self, path, channels, file, opened):
        self._path, self._channels, self._file, self._opened = path, channels, file, opened
        self._page = file.pages[0]
        self.size = self._page.imagelength, self._page.imagewidth
        self._kept, self._kept_bytes = OrderedDict(), 0
        turned = self._page.tags.valueof("Orientation") or getattr(path, "orientation", None) or UPRIGHT
        self.stored_like = int(self._page.photometric), str(self._page.dtype), int(turned)

    @classmethod
    def of(cls, path, channels, least=LEAST_PIXELS):
        """Return the reader of a file whose values it gives as `read_image` does, otherwise None.

        Args:
            path: The file, or a `TiffPage` of one.
            channels: 1 or 3.
            least: Pixels below which the answer is None.

        Raises:
            InputError: As of `open_image`.
        """
        if Path(path).suffix.lower() not in TIFF_SUFFIXES:
            return None
        # Pillow's header first, with all of its refusals.
        with open_image(path, load=False) as image:
            if image.width * image.height < least or orientation(image) != UPRIGHT:
                return None
        return cls._reader(path, channels, _is_plain)

    @classmethod
    def stored(cls, path):
        """Return a reader whose `pixels` give what is stored, of any kind, otherwise None; no size is too large."""
        return cls._reader(path, None, _is_readable)

    @classmethod
    def _reader(cls, path, channels, is_read):
        opened = path.open() if isinstance(path, TiffPage) else open(path, "rb")
        # Of damaged tags tifffile raises nearly anything.
        try:
            file = tifffile.TiffFile(opened)
        except Exception:
            opened.close()
            return None
        try:
            page = file.pages[0]
            if is_read(page, channels):
                return cls(path, channels, file, opened)
        except Exception:
            pass
        file.close()
        opened.close()
        return None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._file.close()
        self._opened.close()

    def window(self, top, bottom, left, right):
        pixels = self.pixels(top, bottom, left, right)
        if pixels.dtype.itemsize == 2:
            values = deep_values(self._path, pixels[..., 0])
        else:
            values = pixels[..., :3].astype(np.float32) / 255.0
        return np.ascontiguousarray(np.broadcast_to(values, (*values.shape[:2], self._channels)))

    def pixels(self, top, bottom, left, right):
        """Return the pixels of a window as they are stored, (bottom - top, right - left, samples)."""
        pixels = np.empty((bottom - top, right - left, self._page.samplesperpixel), self._page.dtype)
        try:
            if _is_in_one_piece(self._page):
                self._read_rows(pixels, top, left)
            else:
                self._read_segments(pixels, top, bottom, left, right)
        except InputError:
            raise
        except Exception as error:  # decoders raise nearly anything for damaged data
            raise InputError(
                f"Image {self._path} is damaged or truncated in rows {top} to {bottom}, columns {left} to {right} "
                f"({error}); replace or remove it."
            ) from None
        return pixels

    def _read_rows(self, pixels, top, left):
        """Read by the place of each row: a mapped file that is cut short meanwhile would end the process."""
        page, stored = self._page, pixels.dtype.newbyteorder(self._file.byteorder)
        bytes_of_pixel = pixels.shape[2] * stored.itemsize
        handle = self._file.filehandle
        for row in range(pixels.shape[0]):
            handle.seek(page.dataoffsets[0] + ((top + row) * page.imagewidth + left) * bytes_of_pixel)
            found = handle.read(pixels.shape[1] * bytes_of_pixel)
            if len(found) < pixels.shape[1] * bytes_of_pixel:
                raise ValueError(f"the file ends in row {top + row}")
            pixels[row] = np.frombuffer(found, stored).reshape(pixels.shape[1:])

    def _read_segments(self, pixels, top, bottom, left, right):
        page = self._page
        length, width = (
            (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, page.imagewidth)
        )
        across = -(-page.imagewidth // width)
        for row in range(top // length, -(-bottom // length)):
            for column in range(left // width, -(-right // width)):
                segment = self._segment(row * across + column)
                begin_row, begin_column = row * length, column * width
                rows = slice(max(top, begin_row), min(bottom, begin_row + length))
                columns = slice(max(left, begin_column), min(right, begin_column + width))
                pixels[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = (
                    segment[
                        rows.start - begin_row : rows.stop - begin_row,
                        columns.start - begin_column : columns.stop - begin_column,
                    ]
                )

    def _segment(self, index):
        """Return the pixels (rows, columns, samples) of a tile or strip, decoded once as long as it is kept."""
        if index in self._kept:
            self._kept.move_to_end(index)
            return self._kept[index]
        page, handle = self._page, self._file.filehandle
        handle.seek(page.dataoffsets[index])
        data = handle.read(page.databytecounts[index])
        decoded, _, _ = page.decode(data, index)
        if decoded is None:  # a tile that was left out, which stands for the value of nothing
            raise ValueError(f"tile {index} is missing")
        segment = decoded[0]
        self._kept[index] = segment
        self._kept_bytes += segment.nbytes
        while self._kept_bytes > _KEPT_BYTES and len(self._kept) > 1:
            self._kept_bytes -= self._kept.popitem(last=False)[1].nbytes
        return segment


def _is_plain(page, channels):
    """Return whether a page is of a kind whose values are read as by Pillow: the commonest ones, upright."""
    kinds = {(_GREY, 1, "uint8"), (_GREY, 1, "uint16"), (_RGB, 3, "uint8"), (_RGB, 4, "uint8")}
    kind = (int(page.photometric), page.samplesperpixel, str(page.dtype))
    if kind not in kinds or (channels == 1 and kind[0] == _RGB):
        return False  # grey is made of colours by Pillow's own weights
    if kind[1] == 4 and tuple(map(int, page.extrasamples)) not in _NOT_MULTIPLIED:
        return False  # Pillow takes the transparency out of such colours
    return _is_readable(page)


def _is_readable(page, channels=None):
    """Return whether parts of a page are decoded by tifffile, whatever its values mean."""
    del channels
    sides = page.imagelength, page.imagewidth
    if not all(isinstance(side, int) and side > 0 for side in sides) or page.samplesperpixel > _MOST_SAMPLES:
        return False
    if (
        page.imagedepth != 1
        or int(page.planarconfig) != 1
        or page.dtype is None
        or page.dtype.kind not in "uif"
    ):
        return False
    if page.bitspersample != 8 * page.dtype.itemsize:
        return False
    return _is_in_one_piece(page) or _is_decoded(page)


def _is_in_one_piece(page):
    return page.compression == 1 and page.is_contiguous and page.fillorder == 1


def _is_decoded(page):
    """Return whether tifffile decodes the first tile or strip: some compressions need a further library."""
    if not page.dataoffsets:
        return False
    handle = page.parent.filehandle
    handle.seek(page.dataoffsets[0])
    try:
        decoded, _, _ = page.decode(handle.read(page.databytecounts[0]), 0)
    except Exception:  # decoders raise nearly anything; Pillow then says what is wrong
        return False
    return decoded is not None
