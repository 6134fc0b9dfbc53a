"""Reader of people's own data: `images/` and `masks/` with matching stems, `classes.txt` optional."""

import math
import os
from dataclasses import replace
from functools import partial
from pathlib import Path

from tfapp.data.class_files import read_class_list
from tfapp.data.dataset import Dataset, Remark
from tfapp.data.file_items import file_item
from tfapp.data.listing import alone_notice, by_stem, image_files
from tfapp.data.masks import OwnMasks
from tfapp.data.read_ahead import threads_for
from tfapp.data.stacks import pages_of, stacks_sentence
from tfapp.errors import InputError

# A split needs groups to share out. Of fewer stacks than that each is cut into blocks of neighbouring pages, but none
# is shorter than so many pages: those at the ends of a block have neighbours in another.
_LEAST_GROUPS, _LEAST_PAGES = 10, 5
# Groups without which there is no test and no validation.
_NEEDED_GROUPS = 3


def folder(path, spec):
    """Read a folder dataset.

    Layout: `images/NAME.*` and `masks/NAME.*`, grey or palette, or of any kind with colours in `classes.txt`. That file
    is what `read_class_list` takes: one class per line in the order of the mask values 0, 1, 2, ..., `VALUE NAME`, or
    `NAME:R,G,B`; the name `ignore` marks pixels without a label. Without it the values must be 0, 1, 2, ...
    (255 = ignore), or just 0 and 255.

    A TIFF stack with as many pages as its mask counts as so many images, `NAME-01`, `NAME-02`, ... Neighbouring pages
    stay on one side of a split: they look alike.

    Every mask of an image is looked at once, by value, and refused or remarked on as `OwnMasks` says; masks without an
    image are counted in a remark.
    """
    root = Path(path)
    pairs, alone = _pairs(root)
    listed = root / "classes.txt"
    class_list = read_class_list(listed) if os.path.lexists(listed) else None
    # The images first: how large they are says how many masks may be decoded at a time.
    items = tuple(file_item(image.stem, (image, mask), group) for group, image, mask in pairs)
    threads = threads_for(max(math.prod(item.size) for item in items))
    masks = OwnMasks([mask for _, _, mask in pairs], class_list, root, threads)
    items = tuple(replace(item, read_labels=partial(masks.read, item.files[1])) for item in items)
    for item, (_, image, mask), size in zip(items, pairs, masks.sizes, strict=True):
        _check_sizes(item, image, mask, size)
    coding = masks.coding
    stacks = stacks_sentence(image for _, image, _ in pairs)
    return Dataset(
        spec,
        coding.names,
        3,
        items,
        coding.ignore_value,
        mask_coding=coding,
        remarks=(
            *([Remark(stacks, doubt=False)] if stacks else []),
            *masks.remarks,
            *([Remark(alone)] if alone else []),
        ),
    )


def read_class_names(path):
    """Return the names of the classes in a `classes.txt`."""
    return read_class_list(path).names


def _pairs(root):
    """Return (group, image, mask) of all images by name, pages of stacks apart, and a notice of masks alone."""
    images, masks = (_images(root / name) for name in ("images", "masks"))
    for stem, image in images.items():
        if stem not in masks:
            raise InputError(
                f"Image {image} has no mask; expected masks/{stem}.png (any image format){_named_alike(stem, masks)}."
            )
    most, least = (-(-groups // len(images)) for groups in (_LEAST_GROUPS, _NEEDED_GROUPS))
    pairs = []
    for stem in sorted(images):
        paged = _paged(images[stem], masks[stem])
        blocks = min(most, max(least, len(paged) // _LEAST_PAGES))
        of_pages = len(paged) > 1 and blocks > 1
        for place, (image, mask) in enumerate(paged):
            block = f" block {place * blocks // len(paged) + 1}" if of_pages else ""
            pairs.append((images[stem].stem + block, image, mask))
    by_stem(image for _, image, _ in pairs)
    alone = [mask for stem, mask in masks.items() if stem not in images]
    return pairs, alone_notice(alone, "image")


def _named_alike(stem, masks):
    """Return what to add where masks have longer names, such as `NAME_mask`; nothing otherwise."""
    alike = next((mask.name for other, mask in masks.items() if stem in other), None)
    return "" if alike is None else f", not {alike}: give masks the names of their images"


def _paged(image, mask):
    """Return the pairs of pages of an image and its mask; most often that is the one pair."""
    pages, mask_pages = pages_of(image), pages_of(mask)
    if len(pages) != len(mask_pages):
        raise InputError(
            f"{image} has {len(pages)} page(s) but its mask {mask.name} has {len(mask_pages)}; expected the same "
            "number: each page is read as an image of its own."
        )
    return list(zip(pages, mask_pages, strict=True))


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
