"""Parts of large images: read without all of the image as floats, and from a TIFF without all of the image at all."""

from contextlib import contextmanager

import numpy as np

from tfapp.data.images import image_size, image_values, read_image
from tfapp.data.opening import open_image
from tfapp.data.slides import Slide, SlideWindows, check_slide
from tfapp.data.tiff_windows import TiffWindows


@contextmanager
def open_windows(path, channels=3):
    """Yield a reader of parts of an image, whose values are those of `read_image`.

    Of a TIFF that is not compressed, or compressed in tiles or strips that tifffile decodes, only what is asked for is
    read. Any other image is decoded by Pillow and held as the bytes that Pillow has: 1 of a grey pixel, 4 of a coloured
    one, where floats would take 4 and 12.

    Args:
        path: The file, a `TiffPage` of one, or a `Slide`.
        channels: 1 or 3.

    Returns:
        An object with `size`, the pair (height, width), and `window(top, bottom, left, right)`, which returns float32
        (bottom - top, right - left, channels) in [0, 1] of the pixels of these rows and columns; a part whose values
        are no image's, or that is damaged, raises InputError.

    Raises:
        InputError: As of `read_image`.
    """
    found = SlideWindows(path, channels) if isinstance(path, Slide) else TiffWindows.of(path, channels)
    if found is None:
        with open_image(path) as image:
            yield _PillowWindows(path, image, channels)
    else:
        with found:
            yield found


def size_of(path):
    """Return (height, width) of what `open_windows` reads; errors as there."""
    if isinstance(path, Slide):
        check_slide(path)
        return path.size
    return image_size(path)


def read_whole(path, channels=3):
    """Return all of what `open_windows` reads, float32 (height, width, channels) in [0, 1]; errors as there."""
    if not isinstance(path, Slide):
        return read_image(path, channels)
    with open_windows(path, channels) as source:
        return source.window(0, source.size[0], 0, source.size[1])


class ArrayWindows:
    """Parts of an image that is at hand.

    Args:
        image: float32 (height, width, channels).
    """

    def __init__(self, image):
        self._image = image
        self.size = image.shape[:2]

    def window(self, top, bottom, left, right):
        return self._image[top:bottom, left:right]


class _PillowWindows:
    def __init__(self, path, image, channels):
        self._path, self._image, self._channels = path, image, channels
        self.size = image.height, image.width

    def window(self, top, bottom, left, right):
        return image_values(self._path, self._image.crop((left, top, right, bottom)), self._channels)


def mirrored_window(source, top, bottom, left, right):
    """Return a part of the image that `PadToStride` continues beyond its borders by mirroring.

    Args:
        source: As `open_windows` yields it.
        top, bottom, left, right: Rows and columns of the image, which may lie beyond it on every side.

    Returns:
        float32 (bottom - top, right - left, channels).
    """
    rows, columns = (
        _mirrored(np.arange(begin, end), size)
        for begin, end, size in zip((top, left), (bottom, right), source.size, strict=True)
    )
    part = source.window(rows.min(), rows.max() + 1, columns.min(), columns.max() + 1)
    rows, columns = rows - rows.min(), columns - columns.min()
    if len(rows) == part.shape[0] and len(columns) == part.shape[1]:  # all of them within the image
        return part
    return part[rows][:, columns]


def _mirrored(positions, size):
    positions = positions % (2 * size)
    return np.minimum(positions, 2 * size - 1 - positions)
