"""Reader of SUN RGB-D with its 37 classes, the colour images only, in the form that A. Handa published.

S. Song, S. Lichtenberg, J. Xiao, "SUN RGB-D: A RGB-D Scene Understanding Benchmark Suite", CVPR 2015. The
authors' archive keeps the labels in one MATLAB file; what networks such as SegNet are trained on is the
extract of A. Handa, V. Patraucean, V. Badrinarayanan, S. Stent, R. Cipolla, "SceneNet: Understanding Real
World Indoor Scenes With Synthetic Data", CVPR 2016, published as github.com/ankurhanda/sunrgbd-meta-data:
JPEG images, and PNG labels with 0 = no label and 1 to 37 = the classes of `seg37list`.

This reader was written against the description that comes with that extract; no copy of the data itself was
at hand to try it on.
"""

import re
from functools import partial
from pathlib import Path

import numpy as np

from tfapp.data.dataset import Dataset
from tfapp.data.file_items import file_item
from tfapp.data.listing import visible_files
from tfapp.data.number_masks import NumberMasks
from tfapp.data.splits import Split
from tfapp.errors import InputError

CLASS_NAMES = (
    *("wall", "floor", "cabinet", "bed", "chair", "sofa", "table", "door", "window", "bookshelf"),
    *("picture", "counter", "blinds", "desk", "shelves", "curtain", "dresser", "pillow", "mirror"),
    *("floor_mat", "clothes", "ceiling", "books", "fridge", "tv", "paper", "towel", "shower_curtain"),
    *("box", "whiteboard", "person", "night_stand", "toilet", "sink", "lamp", "bathtub", "bag"),
)
IGNORE_VALUE = 255
LABELS = "sunrgbd_train_test_labels"
# Folder of images, number of images, and the label number of its image 0: the test labels come first.
SPLITS = {"train": ("SUNRGBD-train_images", 5285, 5050), "test": ("SUNRGBD-test_images", 5050, 0)}


def sunrgbd(path, spec):
    """Read the images that are there, all or some, each with its label; the two folders are the split.

    Layout, each archive of the extract unpacked into a folder of its name:
    `SUNRGBD-train_images/img-000001.jpg` to `img-005285.jpg`, `SUNRGBD-test_images/img-000001.jpg` to
    `img-005050.jpg`, and `sunrgbd_train_test_labels/img-000001.png` to `img-010335.png`, of which the first
    5050 belong to the test images, and 5051 to the first training image. There is no official validation
    split: it is taken from the training images.

    Raises:
        InputError: For a folder without images, an image without its label, or images numbered otherwise.
    """
    root = Path(path)
    labels = NumberMasks(highest=len(CLASS_NAMES))
    train, test = (tuple(_items(root, split, labels)) for split in SPLITS)
    return Dataset(spec, CLASS_NAMES, 3, train + test, IGNORE_VALUE, Split.of_items(train, (), test))


def _items(root, split, labels):
    folder, count, offset = SPLITS[split]
    images = [p for p in visible_files(root / folder, (".jpg",)) if p.name.startswith("img-")]
    if not images:
        raise InputError(
            f"No SUN RGB-D images in {root / folder}; expected img-000001.jpg, ... there, and {LABELS} beside it."
        )
    for image in images:
        number = _number(image, count)
        label = root / LABELS / f"img-{number + offset:06d}.png"
        if not label.is_file():
            raise InputError(f"Image {image} has no label; expected {label}.")
        name = f"{split}/{image.stem}"
        yield file_item(name, (image, label), name, partial(_read_label, labels, label))


def _number(image, count):
    match = re.fullmatch(r"img-(\d{6})", image.stem)
    # Some scripts renumber the training images as 5051 to 10335: the labels would be those of other images.
    if not match or not 1 <= int(match[1]) <= count:
        raise InputError(
            f"{image} is not numbered as the published images are, img-000001.jpg to img-{count:06d}.jpg; "
            "unpack the archive again."
        )
    return int(match[1])


def _read_label(labels, path):
    raw = labels.read(path)
    if raw.max() > len(CLASS_NAMES):
        raise InputError(
            f"Label {path} holds the value {raw.max()}; expected 0 (no label) to {len(CLASS_NAMES)}."
        )
    return np.where(raw == 0, IGNORE_VALUE, raw - 1).astype(np.int32)
