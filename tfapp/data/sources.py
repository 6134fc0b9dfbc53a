"""From what a person types (`wbc:PATH`, `mnist:PATH`, `cells`) to images with masks or labels."""

from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from tfapp.data.dataset import Dataset, Item
from tfapp.data.labelled import ABSENT, PRESENT, ImageFiles, MultiLabelPart, MultiLabelSet, files_part
from tfapp.data.readers.camvid import camvid
from tfapp.data.readers.cells import CLASS_NAMES, MIN_SIZE, generate_cell
from tfapp.data.readers.cifar10 import cifar10
from tfapp.data.readers.digits import COUNT, digits
from tfapp.data.readers.drive import drive
from tfapp.data.readers.folder import folder
from tfapp.data.readers.imagenet import imagenet
from tfapp.data.readers.isbi2012 import isbi2012
from tfapp.data.readers.labels_folder import labels_folder
from tfapp.data.readers.mnist import fashion_mnist, mnist
from tfapp.data.readers.raindrop import raindrop
from tfapp.data.readers.sunrgbd import sunrgbd
from tfapp.data.readers.voc import voc2007
from tfapp.data.readers.wbc import wbc
from tfapp.errors import InputError

READERS = {
    "wbc": wbc,
    "isbi2012": isbi2012,
    "camvid": camvid,
    "sunrgbd": sunrgbd,
    "drive": drive,
    "raindrop": raindrop,
    "folder": folder,
}
IMAGE_PAIRS = ("raindrop",)
CELLS_COUNT, CELLS_SIZE = 100, 128


def open_dataset(spec):
    """Open the dataset that `spec` names.

    Args:
        spec: `wbc:PATH`, `isbi2012:PATH`, `camvid:PATH`, `sunrgbd:PATH`, `drive:PATH`, `folder:PATH`,
            `raindrop:PATH` (image pairs), or `cells[:COUNT[:SIZE]]` for generated blood-smear images (100 of
            128x128 pixels unless said otherwise).

    Raises:
        InputError: For an unknown name, a missing folder, or data that do not have the layout.
    """
    name, _, path = spec.partition(":")
    if name == "cells":
        return _cells(spec, path)
    if name not in READERS or not path:
        raise InputError(
            f"Unknown dataset {spec!r}; expected cells, {', '.join(f'{reader}:PATH' for reader in READERS)}."
        )
    if not Path(path).expanduser().is_dir():
        raise InputError(f"Folder {path} (of {spec!r}) does not exist or is not a folder.")
    # The absolute path goes into the run, so that later commands find the data from anywhere.
    absolute = Path(path).expanduser().resolve()
    return READERS[name](absolute, f"{name}:{absolute}")


def names_dataset(text):
    """Return whether `text` names a dataset by its form, and not an existing folder."""
    return text.partition(":")[0] in ("cells", *READERS) and not Path(text).is_dir()


def names_image_pairs(text):
    """Return whether `text` names a dataset of image pairs by its form."""
    return text.partition(":")[0] in IMAGE_PAIRS


def _cells(spec, options):
    numbers = options.split(":") if options else []
    if len(numbers) > 2 or not all(number.isdigit() for number in numbers):
        raise InputError(f"{spec!r} is not understood; expected cells, cells:COUNT or cells:COUNT:SIZE.")
    count, size = [*map(int, numbers), *(CELLS_COUNT, CELLS_SIZE)[len(numbers) :]]
    if count < 1 or size < MIN_SIZE:
        raise InputError(f"{spec!r} asks for too little; expected COUNT >= 1 and SIZE >= {MIN_SIZE}.")
    return Dataset(spec, CLASS_NAMES, 3, tuple(_cell(index, size) for index in range(count)))


def _cell(index, size):
    return Item(
        name=f"{index:04d}",
        read_image=partial(_cell_image, index, size),
        read_mask=partial(_cell_mask, index, size),
        size=(size, size),
        files=(),
        group=f"{index:04d}",
    )


def _cell_image(index, size):
    return _generated(index, size)[0].astype("float32") / 255.0


def _cell_mask(index, size):
    return _generated(index, size)[1].astype("int32")


@lru_cache(maxsize=8)
def _generated(index, size):
    # An image and its mask are read one after the other: draw the scene once for both.
    return generate_cell(0, index, size)


LABELLED_READERS = {"mnist": mnist, "fashion-mnist": fashion_mnist, "cifar10": cifar10, "imagenet": imagenet}


def open_classification(spec):
    """Open the images with labels that `spec` names.

    Args:
        spec: `mnist:PATH`, `fashion-mnist:PATH`, `cifar10:PATH`, `imagenet:PATH`, a folder in each case, or
            `digits[:COUNT]` for generated digits (5,000 unless said otherwise).

    Returns:
        `ClassificationSet`.

    Raises:
        InputError: For an unknown name, a missing folder, or data that do not have the layout.
    """
    name, _, path = spec.partition(":")
    if name == "digits":
        return digits(spec, _count(spec, path))
    if name not in LABELLED_READERS or not path:
        known = ", ".join(f"{reader}:PATH" for reader in LABELLED_READERS)
        raise InputError(f"Unknown images with labels {spec!r}; expected digits, {known}.")
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise InputError(f"Folder {path} (of {spec!r}) does not exist or is not a folder.")
    # The absolute path, as in `open_dataset`: later commands find the data from anywhere.
    return LABELLED_READERS[name](folder.resolve(), spec=f"{name}:{folder.resolve()}")


def names_classification(text):
    """Return whether `text` names images with labels by its form, and not an existing folder."""
    return text.partition(":")[0] in ("digits", *LABELLED_READERS) and not Path(text).is_dir()


def _count(spec, count):
    if count and not count.isdecimal():
        raise InputError(f"{spec!r} is not understood; expected digits or digits:COUNT.")
    return int(count) if count else COUNT


NAMES = ("voc2007", "labels")
VOC_FORM = "voc2007:PATH, or 'voc2007:PATH?train=LIST&test=LIST' with the names of lists in ImageSets/Main"


def open_multi_label(spec):
    """Open the images that `spec` names, each with any number of classes.

    Args:
        spec: `voc2007:PATH` (PASCAL VOC; its lists `trainval` and `test`), `voc2007:PATH?train=LIST&test=LIST` (either
            or both of two other lists of its `ImageSets/Main`; in a shell this needs quotes), `labels:PATH` (a folder
            with `labels.csv`), or whatever `open_classification` takes, whose images show one class each.

    Returns:
        `MultiLabelSet`.

    Raises:
        InputError: For an unknown name, a missing folder, or data that do not have the layout.
    """
    name, _, path = spec.partition(":")
    if name == "voc2007" and path:
        path, _, options = path.partition("?")
        folder = _folder(spec, path)
        return voc2007(folder, f"{name}:{folder}{'?' if options else ''}{options}", **_lists(spec, options))
    if name == "labels" and path:
        folder = _folder(spec, path)
        return labels_folder(folder, f"{name}:{folder}")
    if name == "digits" or (name in LABELLED_READERS and path):
        return _multi_label(open_classification(spec))
    known = ", ".join(f"{reader}:PATH" for reader in (*NAMES, *LABELLED_READERS))
    raise InputError(f"Unknown images with labels {spec!r}; expected {known}, or digits.")


def names_multi_label(text):
    """Return whether `text` names images that `open_multi_label` takes by its form, and not an existing folder."""
    if text.partition(":")[0] in NAMES:
        return not Path(text).is_dir()
    return names_classification(text)


def _folder(spec, path):
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise InputError(f"Folder {path} (of {spec!r}) does not exist or is not a folder.")
    # The absolute path, as in `open_dataset`: later commands find the data from anywhere.
    return folder.resolve()


def _lists(spec, options):
    pairs = [option.partition("=")[::2] for option in options.split("&")] if options else []
    lists = dict(pairs)
    if len(lists) < len(pairs) or not set(lists) <= {"train", "test"} or not all(lists.values()):
        raise InputError(f"{spec!r} is not understood; expected {VOC_FORM}.")
    return lists


def _multi_label(data):
    parts = [
        _part(part, name, data.num_classes) for part, name in zip(data.parts, ("train", "test"), strict=True)
    ]
    return MultiLabelSet(data.spec, data.class_names, *parts)


def _part(part, name, num_classes):
    targets = np.full((len(part), num_classes), ABSENT, np.int8)
    targets[np.arange(len(part)), part.labels] = PRESENT
    if isinstance(part, ImageFiles):
        return files_part([f"{file.parent.name}/{file.name}" for file in part.files], targets, part.files)
    names = tuple(f"{name}/{index:05d}" for index in range(len(part)))
    return MultiLabelPart(names, targets, part.read, part.images)
