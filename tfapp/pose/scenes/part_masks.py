"""Reader of masks of parts: what is not black is a part, however the picture holds its colours."""

import numpy as np

from tfapp.data.opening import open_image


def read_part_mask(path):
    """Read a mask as bool (height, width): where a part is.

    Grey, 1-bit and 16-bit pictures, palettes and colours are all read by what is seen: a white part is the part,
    whatever its number in a palette. A palette that has nothing but black is one of numbers: all but 0 are parts.
    Where a picture has transparency, what is transparent is no part.

    Raises:
        InputError: The file is missing, damaged or no picture.
    """
    with open_image(path) as image:
        if image.mode == "P":
            numbers = np.asarray(image) != 0
            shown = _shown(image)
            return shown if shown.any() else numbers
        return _shown(image)


def _shown(image):
    if image.mode in ("RGBA", "LA", "PA", "P"):
        pixels = np.asarray(image.convert("RGBA"))
        return (pixels[..., :3] != 0).any(-1) & (pixels[..., 3] > 0)
    pixels = np.asarray(image)
    return pixels != 0 if pixels.ndim == 2 else (pixels != 0).any(-1)
