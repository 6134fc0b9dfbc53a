"""Crops: where one lies in an image, and its pixels, also beyond the borders of a smaller image."""

import math
from typing import NamedTuple

import numpy as np

from tfapp.data.windows import ArrayWindows, mirrored_window

# What lies beyond the borders of an image that is smaller than its crop: the image mirrored, with its labels, or the
# mean colour without labels.
MIRRORED, VOID = CROP_BORDERS = ("mirror", "void")
# Of ImageNet, which networks with its weights subtract: there it is 0.
MEAN_COLOUR = (123.68 / 255, 116.779 / 255, 103.939 / 255)


class Place(NamedTuple):
    """Where a crop is cut out of an image.

    Attributes:
        down, right: Which of the rows and of the columns that it can begin at, as shares from 0 to below 1.
        scale: Factor of the image's sides before that.
    """

    down: float
    right: float
    scale: float = 1.0


MIDDLE = Place(0.5, 0.5)


def crop_window(size, crop, place=MIDDLE):
    """Return (top, left, height, width) of a crop in an image that is not scaled yet.

    Of a scaled image the window is that of the pixels which become the crop: cut out of the image as it is and resized
    to `crop`, it takes no more than the crop needs. Along a side of the image that is shorter the window is about its
    middle, and lies beyond it on both sides alike, where `cut` mirrors.

    Args:
        size: (height, width) of the image.
        crop: (height, width) of the crop.
        place: `Place`.

    Example:
        >>> crop_window((100, 30), (40, 40), Place(down=0.99, right=0.2))
        (60, -5, 40, 40)
        >>> crop_window((100, 30), (40, 40), Place(down=0.0, right=0.0, scale=2.0))
        (0, 0, 20, 20)
    """
    height, width = (max(1, round(side / place.scale)) for side in crop)
    top = _start(size[0], height, place.down)
    return top, _start(size[1], width, place.right), height, width


def _start(length, cropped, share):
    missing = cropped - length
    # As `PadToStride` shares what is missing between both sides.
    return -(missing // 2) if missing > 0 else int(share * (1 - missing))


def cut(array, window):
    """Return the pixels of a window of an array (height, width, ...), a view where it lies within."""
    top, left, height, width = window
    bottom, right = top + height, left + width
    if min(top, left) >= 0 and bottom <= array.shape[0] and right <= array.shape[1]:
        return array[top:bottom, left:right]
    return mirrored_window(ArrayWindows(array), top, bottom, left, right)


def pixels_within(size, window):
    """Return which pixels of a window lie in an image of this (height, width), bool (height, width); None if all do.

    Example:
        >>> pixels_within((2, 9), (-1, 3, 4, 2)).astype(int).tolist()
        [[0, 0], [1, 1], [1, 1], [0, 0]]
    """
    top, left, height, width = window
    rows = (np.arange(height) + top >= 0) & (np.arange(height) + top < size[0])
    columns = (np.arange(width) + left >= 0) & (np.arange(width) + left < size[1])
    return None if rows.all() and columns.all() else rows[:, None] & columns


def with_void(image, weights, within):
    """Return an image with the mean colour, and weights with 0, where a crop lies beyond the image.

    Args:
        image: float32 (height, width, channels) in [0, 1].
        weights: float32 (height, width).
        within: bool (height, width), as of `pixels_within`.
    """
    colour = MEAN_COLOUR if image.shape[-1] == 3 else np.mean(MEAN_COLOUR)
    return np.where(within[..., None], image, np.asarray(colour, np.float32)), weights * within


def border_remark(items, resize, crop, least_scale=1.0, border=MIRRORED):
    """Return a sentence on images that are smaller than the crop, or None if there are none.

    Args:
        items: `Item`s of the training.
        resize: (height, width) that images are resized to first, or None.
        crop: (height, width) of the crop.
        least_scale: Smallest factor of the scale.
        border: One of `CROP_BORDERS`.
    """
    needed = [math.ceil(side / least_scale) for side in crop]
    sizes = {item.name: resize or item.size for item in items}
    small = [name for name, size in sizes.items() if size[0] < needed[0] or size[1] < needed[1]]
    if not small:
        return None
    height, width = sizes[small[0]]
    scaled = "" if least_scale >= 1 else f" where they are scaled by {least_scale:g}"
    beyond = (
        "they are mirrored beyond their borders, labels alike"
        if border == MIRRORED
        else "beyond their borders they have the mean colour and no labels"
    )
    return (
        f"{len(small)} of {len(sizes)} training images, such as {small[0]} of {height}x{width}, are smaller than the "
        f"crop of {crop[0]}x{crop[1]} (height x width){scaled}: {beyond}."
    )
