"""Reader of people's own images in one folder for each class."""

from pathlib import Path

import numpy as np

from tfapp.data.images import IMAGE_SUFFIXES
from tfapp.data.labelled import ClassificationSet, ImageFiles
from tfapp.data.listing import visible_files, visible_folders
from tfapp.data.readers.imagenet import imagenet
from tfapp.data.splits import quarter_by_hash
from tfapp.errors import InputError

_SPLITS = ("train", "val", "test")


def folders(path, spec):
    """Read the images of `CLASS/`, which are not opened before they are wanted.

    The names of the folders are those of the classes, in the order of the alphabet. Of each class a quarter of the
    images is for testing, chosen by a hash of their names, so the same ones wherever the folder lies. Where there are
    `train/CLASS/` and `val/CLASS/` or `test/CLASS/`, these are read as `imagenet` does.

    Args:
        path: The folder.
        spec: What names the dataset.

    Returns:
        `ClassificationSet`.

    Raises:
        InputError: For a folder that is missing, fewer than two classes, or a class with fewer than two images.
    """
    root = Path(path)
    if not root.is_dir():
        raise InputError(f"Folder {root} does not exist; expected one folder of images for each class in it.")
    if (root / "train").is_dir() and any((root / name).is_dir() for name in _SPLITS[1:]):
        return imagenet(root, spec)
    found = {folder.name: visible_files(folder) for folder in visible_folders(root)}
    if len(found) < 2:
        raise InputError(
            f"{root} has {len(found)} folder(s); expected one folder of images for each class, at least 2, such as "
            f"{root / 'cat'} and {root / 'dog'}."
        )
    splits = ([], [])
    for label, (name, files) in enumerate(found.items()):
        if len(files) < 2:
            raise InputError(
                f"Folder {root / name} has {len(files)} image(s) ({', '.join(IMAGE_SUFFIXES)}); expected at least 2, "
                "one for training and one for testing."
            )
        for file, testing in zip(
            files, quarter_by_hash([f"{name}/{file.name}" for file in files]), strict=True
        ):
            splits[int(testing)].append((file, label))
    return ClassificationSet(
        spec,
        tuple(found),
        *(
            ImageFiles(tuple(file for file, _ in split), np.array([label for _, label in split], np.int32))
            for split in splits
        ),
    )
