"""Description of a dataset, of masks or of image pairs, that everything else reads."""

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfapp.data.images import as_floats
from tfapp.data.read_ahead import read_ahead, threads_for
from tfapp.data.splits import Split
from tfapp.data.tiff_page import TiffPage
from tfapp.errors import InputError
from tfapp.files import content_hash


@dataclass(frozen=True)
class Item:
    """One image with its mask, or with the image that is to be made of it.

    Attributes:
        name: Unique name within the dataset.
        read_pixels: Returns the image as `tfapp.data.images.read_pixels` does.
        read_labels: Returns integers (height, width), class indices and the dataset's ignore value; None in a dataset
            of image pairs.
        size: (height, width).
        files: The files behind it, or `TiffPage`s of them, for the fingerprint; empty for generated items.
        group: Items of one group stay on the same side of a split.
        read_target_pixels: Returns the other image of a pair, as `read_pixels`; None in a dataset with masks.
        channels: Channels that the image has for a network, 1 or 3.
        bits: Bits of a channel in the file of the image; None where that is not known.
    """

    name: str
    read_pixels: Callable[[], np.ndarray]
    read_labels: Callable[[], np.ndarray] | None
    size: tuple[int, int]
    files: tuple[Path | TiffPage, ...]
    group: str
    read_target_pixels: Callable[[], np.ndarray] | None = None
    channels: int = 3
    bits: int | None = None

    def read_image(self):
        """Return the image, float32 (height, width, channels) in [0, 1]."""
        return as_floats(self.read_pixels(), self.channels)

    def read_mask(self):
        """Return the labels, int32 (height, width): they can be calculated with, as narrower numbers cannot."""
        return self.read_labels().astype(np.int32, copy=False)

    def read_target(self):
        """Return the other image of a pair, float32 (height, width, channels) in [0, 1]."""
        return as_floats(self.read_target_pixels(), self.channels)


@dataclass(frozen=True)
class Remark:
    """What a person should know of a dataset before training on it.

    Attributes:
        text: A sentence.
        doubt: Whether something may be wrong; otherwise it only says how the data were read.
    """

    text: str
    doubt: bool = True


@dataclass(frozen=True)
class Dataset:
    """Images with integer masks, or pairs of images.

    Attributes:
        spec: What names it on the command line, such as `folder:PATH`.
        class_names: One name per class index; none in a dataset of image pairs.
        channels: Channels of every image, targets included, 1 or 3.
        items: The images, in the dataset's own order.
        ignore_value: Mask value of pixels that have no label, or None.
        official_split: The split that comes with the dataset, of which the validation list may be empty,
            or None: then `split_items` draws one.
        default_size: `(height, width)` that images are resized to unless asked otherwise, or None.
        mask_coding: `tfapp.data.masks.MaskCoding` of masks of a person's own; None where the layout says what the
            values mean.
        remarks: `Remark`s on what was found as it was opened.
    """

    spec: str
    class_names: tuple[str, ...]
    channels: int
    items: tuple[Item, ...]
    ignore_value: int | None = None
    official_split: Split | None = None
    default_size: tuple[int, int] | None = None
    mask_coding: Any = None
    remarks: tuple[Remark, ...] = ()

    @property
    def num_classes(self):
        return len(self.class_names)

    @property
    def image_pairs(self):
        """Whether it holds pairs of images and no masks."""
        return not self.class_names

    @property
    def num_outputs(self):
        """Channels that a network for it gives: one per class, or those of an image."""
        return self.num_classes or self.channels

    @property
    def largest(self):
        """Pixels of the largest image, 0 if there is none."""
        return max((math.prod(item.size) for item in self.items), default=0)

    @property
    def test_items(self):
        """The official test images, or everything where there is no official split."""
        return self.items if self.official_split is None else self.select(self.official_split.test)

    def select(self, names):
        """Return the items with these names, in this order."""
        by_name = {item.name: item for item in self.items}
        missing = [name for name in names if name not in by_name]
        if missing:
            raise InputError(
                f"{self.spec} no longer has {len(missing)} image(s) of the run's split, the first is {missing[0]!r}; "
                "restore the data, or train again with `overwrite`."
            )
        return tuple(by_name[name] for name in names)

    @property
    def coding(self):
        """What the masks mean, as `run.json` keeps it: a dictionary of `classes`, (name, value) each, and more.

        A value is a number of the masks, or a colour [red, green, blue].
        """
        if self.mask_coding is not None:
            classes, ignored = self.mask_coding.described()
        else:
            classes = [[name, index] for index, name in enumerate(self.class_names)]
            ignored = [] if self.ignore_value is None else [self.ignore_value]
        return {"classes": classes, "ignored": ignored, "channels": self.channels}

    @property
    def class_colours(self):
        """The colour of each class, (red, green, blue), by a list of them or by palettes; None where there is none."""
        return None if self.mask_coding is None else self.mask_coding.class_colours

    def content_fingerprint(self):
        """Return a SHA-256 over the names and the content of all files (the specification if generated)."""
        digest = hashlib.sha256()
        files = (file for item in self.items for file in item.files)
        hashes = read_ahead(content_hash, files, threads_for(pixels=0))
        for item in self.items:
            digest.update(item.name.encode("utf-8", "surrogateescape"))
            for _ in item.files:
                digest.update(next(hashes))
        if not any(item.files for item in self.items):
            digest.update(self.spec.encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def fingerprint(self, content=None):
        """Return a SHA-256 over what the dataset means: its content and its `coding`.

        Args:
            content: The `content_fingerprint`, if it is known: it reads every file.
        """
        coding = json.dumps(self.coding, sort_keys=True)
        return hashlib.sha256(f"{content or self.content_fingerprint()} {coding}".encode()).hexdigest()


def check_same_size(name, image, other, other_name):
    """Raise InputError unless the image of this name and another array that belongs to it have one size."""
    if image.shape[:2] != other.shape[:2]:
        raise InputError(
            f"Image {name} is {image.shape[1]}x{image.shape[0]} pixels but its {other_name} is "
            f"{other.shape[1]}x{other.shape[0]}; expected the same size."
        )


def check_pair(item, image, mask, num_classes, ignore_value):
    """Raise InputError unless the mask fits the image and holds classes or the ignore value only."""
    check_same_size(item.name, image, mask, "mask")
    if not mask.size or (mask.min() >= 0 and mask.max() < num_classes):
        return
    outside = (mask < 0) | (mask >= num_classes)
    if ignore_value is not None:
        outside &= mask != ignore_value
    if outside.any():
        raise InputError(
            f"The mask of {item.name} holds the value {mask[outside][0]}, outside the classes 0 to {num_classes - 1}"
            f"{'' if ignore_value is None else f' and the ignore value {ignore_value}'}; mend the mask or classes.txt."
        )
