"""Items of image files, whose headers are read once."""

from functools import partial

from tfapp.data.dataset import Item
from tfapp.data.images import image_header, read_pixels


def file_item(name, files, group, read_labels=None, *, channels=3, read_target_pixels=None):
    """Return the `Item` of an image file; attributes are those of `Item`.

    Args:
        name: Its name.
        files: The file of the image, and those behind its labels or its target.
        group: Its group.
        read_labels: Function that returns its labels, or None.
        channels: 1 or 3.
        read_target_pixels: Function that returns the other image of a pair, or None.

    Raises:
        InputError: As `image_header`.
    """
    image = files[0]
    header = image_header(image)
    return Item(
        name=name,
        read_pixels=partial(read_pixels, image, channels),
        read_labels=read_labels,
        size=header.size,
        files=files,
        group=group,
        read_target_pixels=read_target_pixels,
        channels=channels,
        bits=header.bits,
    )
