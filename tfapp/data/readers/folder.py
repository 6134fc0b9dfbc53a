"""Reader of people's own data: `images/` and `masks/` with matching stems, `classes.txt` optional."""

import os
from functools import partial
from pathlib import Path

from tfapp.data.class_files import read_class_list
from tfapp.data.dataset import Dataset, Item
from tfapp.data.images import image_size, read_image
from tfapp.data.listing import by_stem, image_files
from tfapp.data.masks import OwnMasks
from tfapp.errors import InputError


def folder(path, spec):
    """Read a folder dataset.

    Layout: `images/NAME.*` and `masks/NAME.*`, grey or palette, or of any kind with colours in `classes.txt`. That file
    is what `read_class_list` takes: one class per line in the order of the mask values 0, 1, 2, ..., `VALUE NAME`, or
    `NAME:R,G,B`; the name `ignore` marks pixels without a label. Without it the values must be 0, 1, 2, ...
    (255 = ignore), or just 0 and 255.

    Every mask is looked at once, by value, and refused or remarked on as `OwnMasks` says.
    """
    root = Path(path)
    pairs = _pairs(root)
    listed = root / "classes.txt"
    class_list = read_class_list(listed) if os.path.lexists(listed) else None
    masks = OwnMasks([mask for _, mask in pairs], class_list, root)
    items = tuple(
        Item(
            name=image.stem,
            read_image=partial(read_image, image),
            read_mask=partial(masks.read, mask),
            size=image_size(image),
            files=(image, mask),
            group=image.stem,
        )
        for image, mask in pairs
    )
    for item, (image, mask), size in zip(items, pairs, masks.sizes, strict=True):
        _check_sizes(item, image, mask, size)
    coding = masks.coding
    return Dataset(
        spec,
        coding.names,
        3,
        items,
        coding.ignore_value,
        mask_coding=coding,
        remarks=tuple(masks.remarks),
    )


def read_class_names(path):
    """Return the names of the classes in a `classes.txt`."""
    return read_class_list(path).names


def _pairs(root):
    images, masks = (_images(root / name) for name in ("images", "masks"))
    for stem, image in images.items():
        if stem not in masks:
            raise InputError(f"Image {image} has no mask; expected masks/{stem}.png (any image format).")
    return [(images[stem], masks[stem]) for stem in sorted(images)]


def _images(directory):
    if not directory.is_dir():
        raise InputError(f"Folder {directory} does not exist; a dataset folder needs images/ and masks/.")
    return by_stem(image_files(directory))


def _check_sizes(item, image, mask, mask_size):
    if item.size != mask_size:
        raise InputError(
            f"Image {image} is {item.size[1]}x{item.size[0]} pixels but its mask {mask.name} is "
            f"{mask_size[1]}x{mask_size[0]}; expected the same size."
        )
