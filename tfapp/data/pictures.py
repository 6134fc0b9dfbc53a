"""The images of a dataset of any kind, one by one with what belongs to them, and what a look at one finds."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from tfapp.data.dataset import Dataset, check_pair, check_same_size
from tfapp.data.multi_label import MultiLabelSet
from tfapp.data.opening import UPRIGHT, open_image, orientation
from tfapp.errors import InputError


@dataclass(frozen=True)
class Picture:
    """One image of a dataset as the check sees it.

    Attributes:
        name: Its name; of labelled images with their split.
        group: What belongs together in a split.
        split: `train`, `validation` or `test`, or "" where no official split says it.
        file: Its file, or None.
        read: Function that returns it, float32 (height, width, channels) in [0, 1].
        second: Function that returns its mask, or the other image of a pair; None for labelled images.
        second_files: The files of that.
    """

    name: str
    group: str
    split: str
    file: Path | None
    read: Callable
    second: Callable | None = None
    second_files: tuple[Path, ...] = ()


@dataclass
class Look:
    """What one picture is, as far as it could be read.

    Attributes:
        form: Format and mode of its file.
        turned: Whether EXIF turns it.
        second_forms: The same as `form` of the files of its mask or of the other image.
        size: (height, width); None if it could not be read.
        channels: How many, in words.
        lowest, highest, mean: Of its values.
        digest: Hash of them.
        counts: Labelled pixels of each class, int64; None without a mask.
        unlabelled: Pixels without a label.
        refusal: Sentence on why it cannot be used, or None.
    """

    form: str | None = None
    turned: bool = False
    second_forms: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    channels: str = ""
    lowest: float = 0.0
    highest: float = 0.0
    mean: float = 0.0
    digest: bytes = b""
    counts: np.ndarray | None = None
    unlabelled: int = 0
    refusal: str | None = None


def pictures_of(data):
    """Return the `Picture`s of a dataset of any kind."""
    if isinstance(data, Dataset):
        official = data.official_split
        splits = {
            name: part for part in ("train", "validation", "test") for name in getattr(official, part, ())
        }
        return [
            Picture(
                item.name,
                item.group,
                splits.get(item.name, ""),
                item.files[0] if item.files else None,
                item.read_image,
                item.read_target if data.image_pairs else partial(_checked_mask, data, item),
                item.files[1:],
            )
            for item in data.items
        ]
    found = []
    for split, images in zip(("train", "test"), data.splits, strict=True):
        names = images.names if isinstance(data, MultiLabelSet) else images.image_names(split)
        for index, (name, content) in enumerate(zip(names, images.contents, strict=True)):
            file = content if isinstance(content, Path) else None
            name = name if name.startswith(f"{split}/") else f"{split}/{name}"
            found.append(Picture(name, name, split, file, partial(images.read, index)))
    return found


def look_at(data, picture):
    """Read a picture of a dataset, and what belongs to it, and return a `Look`."""
    look = Look()
    try:
        _read(data, picture, look)
    except InputError as error:
        look.refusal = str(error)
    return look


def _read(data, picture, look):
    if picture.file is not None:
        with open_image(picture.file, load=False) as opened:
            look.form = f"{opened.format} {opened.mode}"
            look.turned = orientation(opened) != UPRIGHT
    for file in picture.second_files:
        with open_image(file, load=False) as opened:
            look.second_forms += (f"{opened.format} {opened.mode}",)
    image = picture.read()
    _look_at_values(look, picture.name, image)
    if picture.second is None:
        return
    second = picture.second()
    if second.ndim == 3:
        check_same_size(picture.name, image, second, "pair")
        _refuse_not_finite(picture.name, second)
    else:
        ignore = data.ignore_value
        labelled = second if ignore is None else second[second != ignore]
        look.counts = np.bincount(labelled.ravel(), minlength=data.num_classes)
        look.unlabelled = second.size - labelled.size


def _look_at_values(look, name, image):
    _refuse_not_finite(name, image)
    grey = image.shape[2] == 3 and bool((image == image[..., :1]).all())
    look.channels = "1" if image.shape[2] == 1 else "3, all equal (grey)" if grey else "3"
    look.lowest, look.highest, look.mean = float(image.min()), float(image.max()), float(image.mean())
    digest = hashlib.sha256(str(image.shape).encode())
    digest.update(np.ascontiguousarray(image))
    look.digest, look.size = digest.digest(), image.shape[:2]


def _checked_mask(data, item):
    labels = item.read_mask()
    check_pair(item, np.empty((*item.size, 0)), labels, data.num_classes, data.ignore_value)
    return labels


def _refuse_not_finite(name, image):
    wrong = int(np.count_nonzero(~np.isfinite(image)))
    if wrong:
        raise InputError(f"Image {name} has {wrong} values that are NaN or infinite; expected 0 to 1.")
    if image.size and (image.min() < 0 or image.max() > 1):
        raise InputError(
            f"Image {name} is read as {image.min():.3g} to {image.max():.3g}; expected 0 to 1: save it with 8 or "
            "16 bits."
        )
