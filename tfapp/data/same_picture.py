"""Whether a smaller picture of a TIFF shows what a larger one does, by their values: as a level does, and no label.

Only patches are read, spread over both of them; a picture that nothing reads in parts is decoded as a whole.
"""

from contextlib import ExitStack, suppress

import numpy as np
from PIL import Image

from tfapp.data.images import read_pixels
from tfapp.data.tiff_windows import TiffWindows
from tfapp.errors import InputError

# Patches along each side, pixels of the smaller picture along a side of one, at most so many of the larger one.
_PATCHES, _PATCH, _MOST = 4, 64, 1024
# Smaller copies correlate by more than 0.9 with what they were made of, however it was reduced; two pictures, each of
# something dark in the middle of white, by up to 0.6. Noise in which little else is seen correlates by 0.6 where it was
# reduced with other weights than here, but by 0.94 where blocks of pixels are one; such two pictures then by up to 0.8.
_ALIKE, _BLOCK, _BLOCKS_ALIKE = 0.8, 8, 0.9
# Parts of the largest value: what varies by less shows nothing; how far such pictures, or those of few pixels, differ.
_FLAT, _NEAR, _FEW = 0.02, 0.1, 64


class Comparison:
    """Compares pictures of one file, each of which it opens once, until it is closed."""

    def __init__(self):
        self._opened, self._parts, self._wholes = ExitStack(), {}, {}

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._opened.close()

    def same(self, larger, smaller):
        """Return whether two pictures show the same, None if one of them cannot be read.

        Args:
            larger, smaller: `TiffPage`s.
        """
        readers = [self._in_parts(one) for one in (larger, smaller)]
        # As they are stored, and so only if both of them are stored alike.
        if None not in readers and readers[0].stored_like == readers[1].stored_like:
            with suppress(InputError):
                return _same(*readers)
        with suppress(InputError, MemoryError):
            return _same(*(self._as_whole(one) for one in (larger, smaller)))
        return None

    def _in_parts(self, picture):
        if picture not in self._parts:
            found = TiffWindows.stored(picture)
            self._parts[picture] = found and self._opened.enter_context(found)
        return self._parts[picture]

    def _as_whole(self, picture):
        if picture not in self._wholes:
            self._wholes[picture] = _Pixels(read_pixels(picture))
        return self._wholes[picture]


class _Pixels:
    def __init__(self, pixels):
        self._pixels = pixels
        self.size = pixels.shape[:2]

    def pixels(self, top, bottom, left, right):
        return self._pixels[top:bottom, left:right]


def _same(larger, smaller):
    """Return whether two readers of pixels show the same; see `Comparison`."""
    factors = [_factor(*sides) for sides in zip(larger.size, smaller.size, strict=True)]
    patch = max(1, min(_PATCH, int(_MOST / max(factors))))
    rows, columns = (_spread(side, patch) for side in smaller.size)
    found = [
        _reduced(larger, factors, part, _grey(smaller.pixels(*part)))
        for part in ((*row, *column) for row in rows for column in columns)
    ]
    pixels, blocks = _by_way(found), _by_way([[_in_blocks(one) for one in patches] for patches in found])
    with np.errstate(invalid="ignore", over="ignore"):  # of floating-point pixels that are no image's
        return any(_are_near(*pair) or _correlation(*pair) >= _ALIKE for pair in pixels) or any(
            _correlation(*pair) >= _BLOCKS_ALIKE for pair in blocks
        )


def _factor(larger, smaller):
    # Sides of whole fractions are rounded, up or down.
    whole = round(larger / smaller)
    return whole if abs(larger - whole * smaller) < whole else larger / smaller


def _spread(side, patch):
    """Return the pairs (begin, end) of a few patches over a side, of all of it where it is short."""
    count = min(_PATCHES, -(-side // patch))
    patch = min(patch, side)
    return [(int(begin), int(begin) + patch) for begin in np.linspace(0, side - patch, count)]


def _reduced(larger, factors, part, seen):
    """Return pixels of a part of the smaller picture, and of the larger one what programs make of them.

    That are means, the first of the pixels that one of the smaller picture stands for, and the one in the middle.
    """
    sides = [
        (begin * factor, min(end * factor, side))
        for begin, end, factor, side in zip(part[::2], part[1::2], factors, larger.size, strict=True)
    ]
    (top, bottom), (left, right) = ((int(begin), int(np.ceil(end))) for begin, end in sides)
    window = _grey(larger.pixels(top, bottom, left, right))
    box = sides[1][0] - left, sides[0][0] - top, sides[1][1] - left, sides[0][1] - top
    means = np.asarray(Image.fromarray(window).resize(seen.shape[::-1], Image.Resampling.BOX, box))
    ways = [means]
    for offset in (0, 0.5):
        taken = [
            np.minimum(((np.arange(begin, end) + offset) * factor).astype(int) - first, count - 1)
            for begin, end, factor, first, count in zip(
                part[::2], part[1::2], factors, (top, left), window.shape, strict=True
            )
        ]
        ways.append(window[np.ix_(*taken)])
    return [seen, *ways]


def _grey(pixels):
    return np.ascontiguousarray(pixels[..., :3].mean(-1, dtype=np.float32))


def _in_blocks(pixels):
    """Return the means of blocks of pixels, of as many as are whole."""
    rows, columns = (side // _BLOCK for side in pixels.shape)
    whole = pixels[: rows * _BLOCK, : columns * _BLOCK]
    return whole.reshape(rows, _BLOCK, columns, _BLOCK).mean((1, 3))


def _by_way(patches):
    """Return, for each way to make a smaller picture, its pixels and those of what was made so, of all patches."""
    seen, *made = (np.concatenate([patch.ravel() for patch in one]) for one in zip(*patches, strict=True))
    return [(seen, one) for one in made]


def _are_near(one, other):
    """Return whether two pictures that show nothing, or have too few pixels to correlate, have the same values."""
    most = max(np.abs(one).max(), np.abs(other).max())
    if len(one) < _FEW:
        return bool(np.sqrt(np.mean((one - other) ** 2)) <= _NEAR * most)
    if max(one.std(), other.std()) > _FLAT * most:
        return False
    return bool(abs(one.mean() - other.mean()) <= _FLAT * most)


def _correlation(one, other):
    if len(one) < _FEW or not (one.std() and other.std()):
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])
