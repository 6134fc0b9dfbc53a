"""Reader of all pictures of people's own: images, masks, and depth in pictures; every failure is one sentence.

Decoding is Pillow's. The orientation that cameras note in EXIF is applied to images and their sizes; masks and depth
are taken as they are stored.
"""

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from tfapp.errors import InputError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif")
_SIXTEEN_BIT_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N")


def read_image(path, channels=3):
    """Read an image as float32 (height, width, channels) in [0, 1].

    Grey images are repeated over three channels, alpha is dropped, CMYK is converted, 16-bit images
    are scaled from 0..65535, and the orientation that cameras note in EXIF is applied.

    Raises:
        InputError: If the file is missing, empty, truncated or not an image.
    """
    with open_image(path) as image:
        image = ImageOps.exif_transpose(image)
        if image.mode in _SIXTEEN_BIT_MODES:
            pixels = np.asarray(image, dtype=np.float32)[..., None] / 65535.0
        elif image.mode == "F":
            pixels = _float_image(path, np.asarray(image, dtype=np.float32)[..., None])
        else:
            pixels = np.asarray(image.convert("RGB" if channels == 3 else "L"), dtype=np.float32) / 255.0
            pixels = pixels.reshape(*pixels.shape[:2], -1)
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], channels)))


def read_mask(path):
    """Read a mask as integers (height, width): grey levels, palette indices, or 16-bit values.

    Raises:
        InputError: If the file cannot be read, or is a colour picture and not a map of class values.
    """
    with open_image(path) as image:
        if image.mode in ("P", "L", *_SIXTEEN_BIT_MODES):
            return np.asarray(image).astype(np.int32)
        if image.mode == "1":
            return np.asarray(image.convert("L")).astype(np.int32)
        colours = np.asarray(image.convert("RGB")).astype(np.int32)
    if (colours != colours[..., :1]).any():
        raise InputError(
            f"Mask {path} is a colour picture (mode {image.mode}); expected one value per pixel: "
            "save it as an 8-bit grey or palette PNG of class numbers."
        )
    return colours[..., 0]


def image_size(path):
    """Return (height, width) from the header, as `read_image` will deliver it."""
    with open_image(path, load=False) as image:
        width, height = image.size
        # The PNG class's own getexif would decode the whole picture.
        quarter_turned = Image.Image.getexif(image).get(0x0112, 1) in (5, 6, 7, 8)
    return (width, height) if quarter_turned else (height, width)


def open_image(path, form=None, *, load=True):
    """Return a picture as Pillow's `Image`, as it is stored; the caller closes it.

    Args:
        path: The file.
        form: What it must be, such as "a PNG file", for the sentence on a file that is not; any image by default.
        load: Whether to decode the pixels, so that damage comes to light here.

    Raises:
        InputError: As `unreadable` words it.
    """
    try:
        image = Image.open(path)
        if load:
            _load_or_close(image)
        return image
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise unreadable(path, error, form) from None


def unreadable(path, error, form=None):
    """Return the InputError for a picture that could not be opened or decoded.

    Args:
        path: The file.
        error: What the library raised.
        form: As for `open_image`.
    """
    match error:
        case FileNotFoundError():
            sentence = f"Image {path} does not exist."
        case PermissionError() | IsADirectoryError():
            sentence = f"Image {path} cannot be opened: {error.strerror}."
        case Image.DecompressionBombError():
            sentence = f"Image {path} has too many pixels to be opened; cut it into tiles."
        case _ if form:
            sentence = f"{path} is damaged or not {form} ({error})."
        case UnidentifiedImageError():
            sentence = f"{path} is empty or not an image that can be read; expected PNG, JPEG, BMP, TIFF, WebP or GIF."
        case _:
            sentence = f"Image {path} is damaged or truncated ({error}); replace or remove it."
    return InputError(sentence)


def _load_or_close(image):
    try:
        image.load()
    except BaseException:
        image.close()
        raise


def _float_image(path, pixels):
    if pixels.size and (pixels.min() < 0 or pixels.max() > 1):
        raise InputError(
            f"Image {path} has floating-point values from {pixels.min():g} to {pixels.max():g}; "
            "expected 0 to 1: scale it, or save it with 8 or 16 bits."
        )
    return pixels
