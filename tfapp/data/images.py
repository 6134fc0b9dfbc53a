"""Reader of all pictures of people's own: images, masks and their sizes; every failure is one sentence.

How files are opened, and which way up they are, is in `tfapp.data.opening`; here are their values.
"""

from typing import NamedTuple

import numpy as np

from tfapp.data.opening import IMAGE_SUFFIXES as IMAGE_SUFFIXES
from tfapp.data.opening import UPRIGHT, decode, open_image, orientation, upright_size
from tfapp.errors import InputError

DEEP_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N")
DEEPEST = 65535
_WHITE = {np.dtype(np.uint8): 255, np.dtype(np.uint16): DEEPEST}


def read_image(path, channels=3):
    """Read an image as float32 (height, width, channels) in [0, 1].

    Grey images are repeated over three channels, alpha is dropped, CMYK is converted, images of more than 8 bits
    are scaled from 0..65535, and the orientation that cameras note in EXIF is applied.

    Raises:
        InputError: If the file is missing, empty, truncated, not an image, or a stack of several; if its values are not
            finite, negative, beyond 65535, or with floating point beyond 1.
    """
    return as_floats(read_pixels(path, channels), channels)


def read_pixels(path, channels=3):
    """Read an image as its file has it, for `as_floats`, in a quarter of the memory or less; errors of `read_image`.

    Returns:
        (height, width, channels), or of a grey image (height, width, 1): uint8 of 8 bits, uint16 of more, or float32.
    """
    with open_image(path) as image:
        return image_pixels(path, image, channels)


def as_floats(pixels, channels):
    """Return what `read_image` gives for pixels of `read_pixels`, or for a part of them.

    Args:
        pixels: uint8, uint16 or float32 (height, width, 1 or channels).
        channels: 1 or 3.
    """
    white = _WHITE.get(pixels.dtype)
    if white is not None:
        # The one rounding of a division, as everywhere: multiplied by 1/255 the numbers would be others.
        pixels = np.divide(pixels, np.float32(white), out=np.empty(pixels.shape, np.float32))
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], channels)))


def image_values(path, image, channels):
    """Return the values of an image that is decoded, or of a part of it, as `read_image` does.

    Args:
        path: Its file, for messages.
        image: Pillow's `Image`.
        channels: 1 or 3.

    Raises:
        InputError: As of `read_image`, for values that are no image's.
    """
    return as_floats(image_pixels(path, image, channels), channels)


def image_pixels(path, image, channels):
    """Return the pixels of an image that is decoded, as `read_pixels` does; arguments and errors of `image_values`."""
    if image.mode in DEEP_MODES:
        return _checked_deep(path, np.asarray(image)).astype(np.uint16)[..., None]
    if image.mode == "F":
        return _checked_float(path, np.asarray(image, dtype=np.float32))[..., None]
    # Alpha is dropped anyway, and Pillow warns of palettes with it.
    image.info.pop("transparency", None)
    mode = "L" if channels == 1 or image.mode in ("L", "1") else "RGB"
    pixels = np.asarray(image if image.mode == mode else image.convert(mode))
    return pixels.reshape(*pixels.shape[:2], -1)


def deep_values(path, values):
    """Return whole numbers (height, width) from 0 to 65535 as float32 (height, width, 1) in [0, 1]; errors as above."""
    return as_floats(_checked_deep(path, values).astype(np.uint16)[..., None], 1)


def is_turned(path):
    """Return whether the EXIF orientation of an image turns or mirrors it when it is read; False for a damaged one."""
    try:
        with open_image(path, load=False) as image:
            return orientation(image) != UPRIGHT
    except InputError:
        return False


def read_mask(path):
    """Read a mask as integers (height, width): grey levels, palette indices, or 16-bit values.

    It is turned as its EXIF orientation says, as the image is.

    Raises:
        InputError: If the file cannot be read, or is a colour picture and not a map of class values.
    """
    with open_image(path, load=False) as image:
        bits = stored_bits(image)
        decode(path, image)
        return mask_values(path, image, bits)


class ColouredMask(InputError):
    """A mask is a colour picture where one value per pixel is expected.

    Attributes:
        codes: int32 (height, width), red * 65536 + green * 256 + blue of each pixel.
    """

    def __init__(self, sentence, codes):
        super().__init__(sentence)
        self.codes = codes


def mask_values(path, image, bits):
    """Return the values of a mask that is decoded, as `read_mask` does.

    Args:
        path: Its file, for messages.
        image: Pillow's `Image`.
        bits: The `stored_bits` of it.

    Raises:
        ColouredMask: It is a colour picture.
        InputError: It has fractions or values beyond 16 bits, or `check_content` refuses it.
    """
    if image.mode in ("P", "L", *DEEP_MODES):
        return np.asarray(image).astype(np.int32)
    if image.mode == "1":
        return np.asarray(image.convert("L")).astype(np.int32)
    if image.mode == "F":
        return _whole(path, np.asarray(image))
    check_content(path, image)
    red, green, blue = np.moveaxis(np.asarray(image.convert("RGB")), -1, 0)
    # Of colours with 16 bits Pillow keeps the upper 8: class numbers would all become 0.
    if bits > 8 or (red != green).any() or (red != blue).any():
        depth = f", {bits} bits" if bits > 8 else ""
        raise ColouredMask(
            f"Mask {path} is a colour picture (mode {image.mode}{depth}); expected one value per pixel: "
            "save it as an 8-bit grey or palette PNG of class numbers.",
            colour_codes(image),
        )
    return red.astype(np.int32)


def colour_codes(image):
    """Return red * 65536 + green * 256 + blue of each pixel of a picture that is decoded, int32 (height, width)."""
    stored = image.convert("RGB").tobytes("raw", "BGRX")
    return np.frombuffer(stored, "<i4").astype(np.int32, copy=False).reshape(image.height, image.width)


def check_content(path, image):
    """Raise InputError if a decoded mask is of one colour throughout, and only its transparency shows something."""
    if not image.has_transparency_data:
        return
    pixels = np.asarray(image.convert("RGBA"))
    alpha = pixels[..., 3]
    if pixels.size and alpha.min() < alpha.max() and (pixels[..., :3] == pixels[0, 0, :3]).all():
        raise InputError(
            f"Mask {path} has the colour {','.join(map(str, pixels[0, 0, :3].tolist()))} throughout, and only its "
            "transparency varies; expected values or colours: save it as a grey picture (its transparency alone is "
            "Image.open(...).getchannel('A') in Pillow)."
        )


class Header(NamedTuple):
    """What the header of an image file says.

    Attributes:
        size: (height, width), as `read_image` and `read_mask` will deliver it.
        bits: `stored_bits` of a channel.
    """

    size: tuple[int, int]
    bits: int


def image_header(path):
    """Return the `Header` of an image file; errors as of `open_image`."""
    with open_image(path, load=False) as image:
        bits = stored_bits(image)
        return Header(upright_size(path, image), bits)


def image_size(path):
    """Return (height, width) from the header, as `read_image` and `read_mask` will deliver it."""
    return image_header(path).size


def stored_bits(image):
    """Return the bits of a channel in the file of a picture that `open_image` opened without its pixels."""
    if image.format == "TIFF":
        return max(image.tag_v2.get(258, (1,)))
    if image.format == "PPM" and image.mode != "F":
        return 16 if _pnm_maximum(image) > 255 else 8
    if image.mode in DEEP_MODES or any(";16" in str(tile[3]) for tile in image.tile):
        return 16
    return 32 if image.mode == "F" else 8


def stored_white(image):
    """Return the number that stands for white in a file of fewer grey levels than 256 or 65536, otherwise None.

    Pillow scales the numbers of such a file to the whole range: those of two bits become 0, 85, 170 and 255.

    Args:
        image: As for `stored_bits`.
    """
    if image.mode == "1":
        return 1
    if image.format == "PPM":
        maximum = _pnm_maximum(image)
        return None if maximum in (255, DEEPEST) else maximum
    bits = 8
    if image.mode == "L" and image.format == "TIFF":
        bits = stored_bits(image)
    elif image.mode == "L" and image.format == "PNG" and image.tile:
        bits = int(str(image.tile[0][3]).partition(";")[2] or 8)
    return 2**bits - 1 if bits < 8 else None


def _pnm_maximum(image):
    """Return the maximum that a PNM file declares; where Pillow hands its numbers on as they are, that of its bits."""
    args = image.tile[0][3] if image.tile else ""
    if isinstance(args, tuple) and len(args) == 2:
        return args[1]
    return DEEPEST if image.mode in DEEP_MODES or ";16" in str(args) else 255


def _checked_deep(path, values):
    lowest, highest = (int(values.min()), int(values.max())) if values.size else (0, 0)
    if lowest < 0 or highest > DEEPEST:
        raise InputError(
            f"Image {path} has whole numbers from {lowest} to {highest}; expected 0 to {DEEPEST}, which is read as 0 "
            "to 1: shift and scale it, or save it with 8 or 16 bits."
        )
    return values


def _checked_float(path, values):
    wrong = int((~np.isfinite(values)).sum())
    if wrong:
        raise InputError(
            f"Image {path} has {wrong} value(s) that are NaN or infinite; expected 0 to 1: replace them."
        )
    if values.size and (values.min() < 0 or values.max() > 1):
        raise InputError(
            f"Image {path} has floating-point values from {values.min():g} to {values.max():g}; "
            "expected 0 to 1: scale it, or save it with 8 or 16 bits."
        )
    return values


def _whole(path, values):
    if not np.isfinite(values).all() or (values != np.rint(values)).any() or np.abs(values).max() > DEEPEST:
        raise InputError(
            f"Mask {path} has floating-point values that are no class numbers; expected whole numbers: save it as an "
            "8-bit grey or palette PNG of them."
        )
    return values.astype(np.int32)
