"""Files of masks as they are stored: values or colours, palette, and whether their format loses anything."""

import struct
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from tfapp.data.images import DEEPEST, check_content, colour_codes, mask_values, stored_bits, stored_white
from tfapp.data.opening import decode, open_image
from tfapp.data.tiff_tags import lowest_is_white
from tfapp.errors import InputError

Colour = tuple[int, int, int]
_INDEXED = ("P", "L")
# So many values are counted faster by comparing all pixels with each than by a histogram.
_FEW_VALUES = 8


@dataclass(frozen=True)
class StoredMask:
    """One mask as its file holds it.

    Attributes:
        path: The file.
        format: Pillow's name of its format, such as `PNG`.
        mode: Pillow's name of its pixels, such as `P`.
        lossy: Whether it is compressed in a way that changes values.
        palette: Colours of a palette mask by index; otherwise None.
        pixels: Integers (height, width), values or colours as red * 65536 + green * 256 + blue; None in a summary.
        coloured: Whether values are colours.
        white: Number that stands for white in a file of fewer grey levels than its values have here; otherwise None.
        counted: Its `counts` where they are known already, as in a summary; otherwise None.
        inverted: Whether the lowest number in its file is white (MinIsWhite), so that `pixels` are those inverted.
    """

    path: Path
    format: str
    mode: str
    lossy: bool
    palette: tuple[Colour, ...] | None
    pixels: np.ndarray | None
    coloured: bool = False
    white: int | None = None
    counted: Counter | None = None
    inverted: bool = False

    @cached_property
    def counts(self):
        """Pixels of each value, or of each colour, that occurs."""
        return _counted(self.pixels) if self.counted is None else self.counted

    def summary(self):
        """Return it without its pixels."""
        return replace(self, pixels=None, counted=self.counts)

    def numbered(self):
        """Return it with the numbers that its file holds, where Pillow scaled them to grey levels."""
        if self.white is None:
            return self
        factor = self.white / (DEEPEST if self.mode.startswith("I") else 255)
        counts = Counter()
        for level, count in self.counts.items():
            counts[round(level * factor)] += count
        pixels = None if self.pixels is None else np.rint(self.pixels * factor).astype(self.pixels.dtype)
        return replace(self, counted=counts, pixels=pixels, white=None)

    def colour_codes(self):
        """Return the colour of each pixel as red * 65536 + green * 256 + blue."""
        return self.pixels if self.coloured else self._codes_by_value[self.pixels]

    def colour_counts(self):
        """Return the pixels of each colour code."""
        if self.coloured:
            return self.counts
        by_colour = Counter()
        for value, count in self.counts.items():
            by_colour[int(self._codes_by_value[value])] += count
        return by_colour

    def used_colours(self):
        """Return the colour of each palette index that occurs."""
        return {value: self.palette[value] for value in self.counts}

    @cached_property
    def _codes_by_value(self):
        if self.palette is None:
            return np.arange(256) * 0x010101
        return np.array([red << 16 | green << 8 | blue for red, green, blue in self.palette])


def read_stored(path):
    """Read the values of a mask as `StoredMask`.

    Raises:
        InputError: As `read_mask`.
    """
    with _decoded(path) as (image, bits, white, inverted):
        return _stored(path, image, bits, white, inverted)


def read_colours(path):
    """Read the colours of a mask as `StoredMask`; a grey level counts as the grey colour.

    Raises:
        InputError: For a file that cannot be read, values of more than 8 bits, or as `check_content`.
    """
    with _decoded(path) as (image, bits, _, inverted):
        form, mode = image.format or "", image.mode
        check_content(path, image)
        if mode in _INDEXED:
            pixels = _stored(path, image, bits).colour_codes()
        elif mode[0] in "IF":
            raise InputError(
                f"Mask {path} has more than 8 bits (mode {mode}), but classes.txt lists colours; expected a colour or "
                "palette picture, or 'VALUE NAME' lines."
            )
        else:
            # Alpha is dropped, and Pillow warns of palettes with it.
            image.info.pop("transparency", None)
            pixels = colour_codes(image)
    lossy = is_lossy(path, form)
    return StoredMask(path, form, mode, lossy, None, pixels, coloured=True, inverted=inverted)


def read_levels(path):
    """Read a mask whose grey levels count, as integers (height, width); of a palette the levels of its colours.

    Official layouts say grey levels such as 0, 128 and 255. A copy that some program saved with a palette has the same
    levels as colours, and other numbers as indices.

    Raises:
        InputError: As `read_mask`, or for a palette whose colours are not grey.
    """
    one = read_stored(path)
    if one.palette is None:
        return one.pixels.astype(np.int32)
    other = next((colour for colour in one.used_colours().values() if len(set(colour)) > 1), None)
    if other is not None:
        raise InputError(
            f"Mask {path} has a palette with the colour {','.join(map(str, other))}; expected grey levels: restore the "
            "official file, or save it as an 8-bit grey picture."
        )
    return np.array([red for red, _, _ in one.palette], np.int32)[one.pixels]


def is_lossy(path, form):
    """Return whether the content of a file was compressed in a way that changes values.

    Args:
        path: The file.
        form: Pillow's name of its format.
    """
    if form in ("JPEG", "MPO", "AVIF", "HEIF"):
        return True
    if form == "JPEG2000":
        # Whether it is one of the lossless kind stands in the wavelet of its coding style (marker COD): 1 keeps all.
        with open(path, "rb") as file:
            head = file.read(4096)
        marker = head.find(b"\xff\x52")
        return marker < 0 or head[marker + 13 : marker + 14] != b"\x01"
    return form == "WEBP" and _webp_chunk(path) != b"VP8L"


def _webp_chunk(path):
    """Return the name of the chunk that holds the picture: `VP8L` if nothing is lost, `VP8 ` otherwise."""
    with open(path, "rb") as file:
        file.seek(12)
        while len(head := file.read(8)) == 8:
            name, length = struct.unpack("<4sI", head)
            if name in (b"VP8L", b"VP8 "):
                return name
            # Chunks have an even length in the file.
            file.seek(length + length % 2, 1)
    return b""


@contextmanager
def _decoded(path):
    """Yield a picture that is decoded, and of its file the bits of a channel, `stored_white` and `lowest_is_white`."""
    with open_image(path, load=False) as image:
        bits, white, inverted = stored_bits(image), stored_white(image), lowest_is_white(image)
        decode(path, image)
        yield image, bits, white, inverted


def _stored(path, image, bits, white=None, inverted=False):
    form, mode = image.format or "", image.mode
    if mode in _INDEXED:
        pixels, palette = np.asarray(image), _palette(image) if mode == "P" else None
    else:
        pixels, palette = _narrow(mask_values(path, image, bits)), None
    lossy = is_lossy(path, form)
    return StoredMask(path, form, mode, lossy, palette, pixels, white=white, inverted=inverted)


def _palette(image):
    colours = image.getpalette("RGB") or []
    colours += [0] * (768 - len(colours))
    return tuple(zip(colours[0::3], colours[1::3], colours[2::3], strict=True))


def _narrow(pixels):
    """Return values that fit into 8 or 16 bits with so many."""
    for kind in (np.uint8, np.uint16):
        if pixels.size and 0 <= pixels.min() and pixels.max() <= np.iinfo(kind).max:
            return pixels.astype(kind)
    return pixels


def _counted(pixels):
    if pixels.dtype == np.uint8:
        # `np.bincount` makes 64-bit numbers of bytes first, which takes longer than to count them.
        highest = pixels.max(initial=0)
        if highest < _FEW_VALUES:
            counts = np.array([np.count_nonzero(pixels == value) for value in range(highest + 1)])
        else:
            counts = np.array(Image.fromarray(pixels).histogram())
        values = counts.nonzero()[0]
        counts = counts[values]
    else:
        values, counts = np.unique(pixels, return_counts=True)
    return Counter(dict(zip(values.tolist(), counts.tolist(), strict=True)))
