"""What the tags of a TIFF say of its numbers, where Pillow reads them otherwise: mended where it can be, else refused.

Pillow chooses how to decode by these tags. Some combinations it decodes as others that are stored differently, without
a word; what it does not know at all it calls no image. Both are told here by what the tags say.
"""

import numpy as np

from tfapp.data.tiff_directories import Damaged, Directories
from tfapp.errors import InputError

# Tags, and those of their values that count here.
_BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER, _SAMPLES, _PLANAR, _FORMAT = 258, 259, 262, 266, 277, 284, 339
_SUBSAMPLING = 530
_MIN_IS_WHITE, _YCBCR, _LOWEST_BIT_FIRST, _BY_PLANES, _SIGNED = 0, 6, 2, 2, 2
_READ_LATER = (_BITS, _PHOTOMETRIC, _FORMAT)
_KINDS = {1: "whole numbers", 2: "signed whole numbers", 3: "floating point", 5: "complex", 6: "complex"}
_COLOURS = {0: "grey (MinIsWhite)", 1: "grey", 2: "RGB", 3: "palette", 5: "CMYK", 6: "YCbCr", 8: "CIE L*a*b*"}
# libtiff gives numbers in the order of the machine. For these of big-endian files Pillow swaps them once more.
_NATIVE = {"F;32BF": "F;32NF", "I;16BS": "I;16NS", "I;32BS": "I;32NS"}


def before_decoding(path, image):
    """Set Pillow right on how a TIFF is stored.

    Args:
        path: The file, for the sentence.
        image: Pillow's `Image` of it, not decoded.

    Raises:
        InputError: It is stored in a way that would be decoded wrongly.
    """
    tags = image.tag_v2
    # Pillow interprets a tag, and warns of it, when it is first asked for: here, where warnings are caught.
    for tag in _READ_LATER:
        tags.get(tag)
    raw = bool(image.tile) and image.tile[0][0] == "raw"
    bits, samples = _bits(tags), tags.get(_SAMPLES, 1)
    by_planes = tags.get(_PLANAR, 1) == _BY_PLANES and samples > 1
    usual = bits == 8 and samples > 2 and tags.get(_FILL_ORDER, 1) != _LOWEST_BIT_FIRST
    if raw and by_planes and not usual:
        remedy = (
            "expected them side by side: save it so (tifffile: planarconfig='contig'), or with compression"
            if samples > 2
            else "expected a file for each"
        )
        raise InputError(
            f"{path} is a TIFF of {samples} channels of {bits} bits that stand one behind the other (planar), without "
            f"compression; {remedy}."
        )
    if image.mode == "La":
        raise InputError(
            f"{path} is a TIFF of grey that is multiplied by its transparency; expected grey alone, or RGB."
        )
    if raw and tags.get(_PHOTOMETRIC) == _YCBCR and tuple(tags.get(_SUBSAMPLING, (2, 2))) != (1, 1):
        raise InputError(
            f"{path} is a TIFF of YCbCr colours of which several pixels share one, without compression; expected RGB."
        )
    image.tile = [_in_native_order(tile) for tile in image.tile]


def after_decoding(path, image):
    """Make the numbers of a TIFF, which Pillow decoded, those that its tags say; arguments as `before_decoding`.

    Raises:
        InputError: It has negative numbers of 8 bits, or numbers of which the tags do not say what white is.
    """
    tags = image.tag_v2
    if _bits(tags) == 8 and image.mode == "L" and _SIGNED in tags.get(_FORMAT, (1,)):
        # Signed numbers come as unsigned ones, the negative as 128 to 255.
        lowest = int(np.asarray(image).view(np.int8).min(initial=0))
        if lowest < 0:
            raise InputError(
                f"{path} is a TIFF of signed 8-bit numbers, the lowest {lowest}; expected 0 and more: save it as "
                "unsigned ones."
            )
    if tags.get(_PHOTOMETRIC) == _MIN_IS_WHITE and image.mode in ("I;16", "F"):
        # Of fewer bits Pillow inverts the numbers itself.
        image.frombytes(_inverted(path, np.asarray(image)).tobytes())


def lowest_is_white(image):
    """Return whether a TIFF says that its lowest value is white, so that its numbers are inverted when it is decoded.

    Args:
        image: Pillow's `Image`, not decoded, of any format.
    """
    if image.format != "TIFF":
        return False
    # Where the tag is missing Pillow takes those of at most 8 bits for such ones.
    otherwise = _MIN_IS_WHITE if image.mode in ("1", "L") else None
    return image.tag_v2.get(_PHOTOMETRIC, otherwise) == _MIN_IS_WHITE


def in_words(file):
    """Return what kind of TIFF a file is that Pillow does not know, such as "a TIFF of ...", or None if it is none.

    Args:
        file: Binary file object.
    """
    try:
        found = Directories(file)
        directory = found.first()
        samples, bits, photometric, form, compression = (
            found.numbers(directory, tag, (otherwise,))
            for tag, otherwise in (
                (_SAMPLES, 1),
                (_BITS, 1),
                (_PHOTOMETRIC, None),
                (_FORMAT, 1),
                (_COMPRESSION, 1),
            )
        )
    except Damaged:
        return None
    colours = _COLOURS.get(photometric[0], f"of colours by number {photometric[0]}")
    order = "big-endian" if found.order == ">" else "little-endian"
    return (
        f"a TIFF of {samples[0]} channel(s), {colours}, with {max(bits)} bits of "
        f"{_KINDS.get(form[0], 'numbers of another kind')} each ({order}, compression {compression[0]})"
    )


def _bits(tags):
    return max(tags.get(_BITS, (1,)))


def _in_native_order(tile):
    codec, extents, offset, args = tile
    if codec != "libtiff" or args[0] not in _NATIVE:
        return tile
    changed = (codec, extents, offset, (_NATIVE[args[0]], *args[1:]))
    # Plain in older versions of Pillow, with names in newer ones.
    return tile._make(changed) if hasattr(tile, "_make") else changed


def _inverted(path, values):
    if values.dtype != np.float32:
        return np.uint16(65535) - values.astype("<u2")
    lowest, highest = (float(values.min()), float(values.max())) if values.size else (0, 1)
    if lowest < 0 or highest > 1:
        raise InputError(
            f"{path} is a TIFF of floating-point values from {lowest:g} to {highest:g} of which the lowest is white "
            "(MinIsWhite); expected 0 to 1, so that 1 is black: save it with the lowest as black (MinIsBlack)."
        )
    return 1 - values
