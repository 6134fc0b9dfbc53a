"""Reader of ImageNet, or of anybody's images in one folder per class.

O. Russakovsky et al., "ImageNet Large Scale Visual Recognition Challenge", IJCV 115(3), 2015.
"""

from pathlib import Path

import numpy as np

from tfapp.data.classification import ClassificationSet, ImageFiles
from tfapp.data.imagenet_validation import LISTS, listed_classes
from tfapp.data.images import IMAGE_SUFFIXES
from tfapp.errors import InputError


def imagenet(path, spec):
    """Read the images of `train/CLASS/` and `val/CLASS/`, which are not opened before they are wanted.

    The names of the folders, such as `n01440764`, are the names of the classes, in alphabetical order, which is that
    of keras.applications. `val/` may also hold the official images without folders: then one of the lists in
    `imagenet_validation` gives their classes.

    Raises:
        InputError: For a folder that is missing or has no images, or a class for testing that has none for training.
    """
    root = Path(path)
    folders = _folders(root / "train")
    if len(folders) < 2:
        raise InputError(
            f"{root / 'train'} has {len(folders)} folder(s); expected one folder of images for each class, at least 2."
        )
    class_names = tuple(folder.name for folder in folders)
    train = [(file, folder.name) for folder in folders for file in _images(folder)]
    return ClassificationSet(
        spec, class_names, *(_part(pairs, class_names, root) for pairs in (train, _validation(root)))
    )


def _validation(root):
    folders = _folders(root / "val")
    if folders:
        return [(file, folder.name) for folder in folders for file in _images(folder)]
    files = _images(root / "val", f"folders of classes, or the official images beside {' or '.join(LISTS)}")
    return list(zip(files, listed_classes(root, files), strict=True))


def _folders(directory):
    if not directory.is_dir():
        raise InputError(
            f"Folder {directory} does not exist; expected train/CLASS/*.JPEG and val/CLASS/*.JPEG."
        )
    return sorted(path for path in directory.iterdir() if path.is_dir() and not path.name.startswith("."))


def _images(folder, expected="at least one image"):
    files = sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
    )
    if not files:
        raise InputError(f"Folder {folder} has no images ({', '.join(IMAGE_SUFFIXES)}); expected {expected}.")
    return files


def _part(pairs, class_names, root):
    indices = {name: index for index, name in enumerate(class_names)}
    for file, name in pairs:
        if name not in indices:
            raise InputError(f"{file} is of the class {name}, for which {root / 'train'} has no folder.")
    return ImageFiles(
        tuple(file for file, _ in pairs), np.array([indices[name] for _, name in pairs], np.int32)
    )
