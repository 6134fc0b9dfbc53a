"""Reader of ImageNet, or of anybody's images in one folder per class."""

import csv
from pathlib import Path

import numpy as np
import scipy.io

from tfapp.data.images import IMAGE_SUFFIXES
from tfapp.data.labelled import ClassificationSet, ImageFiles
from tfapp.data.listing import visible_files, visible_folders
from tfapp.errors import InputError
from tfapp.files import check_regular_file


def imagenet(path, spec):
    """Read the images of `train/CLASS/` and `val/CLASS/`, which are not opened before they are wanted.

    The names of the folders, such as `n01440764`, are the names of the classes, in alphabetical order, which is that
    of keras.applications. `val/` may also hold the official images without folders: then one of the lists that
    `listed_classes` knows gives their classes. Where there is no `val/`, the images for testing are those of
    `test/CLASS/`.

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
        spec, class_names, *(_split(pairs, class_names, root) for pairs in (train, _validation(root)))
    )


def _validation(root):
    test = root / "test"
    held_out = test if test.is_dir() and not (root / "val").is_dir() else root / "val"
    folders = _folders(held_out)
    if folders:
        return [(file, folder.name) for folder in folders for file in _images(folder)]
    if held_out == test:
        raise InputError(f"{test} has no folders of classes; expected {test / 'CLASS'}/*.JPEG.")
    files = _images(root / "val", f"folders of classes, or the official images beside {' or '.join(LISTS)}")
    return list(zip(files, listed_classes(root, files), strict=True))


def _folders(directory):
    if not directory.is_dir():
        raise InputError(
            f"Folder {directory} does not exist; expected train/CLASS/*.JPEG and val/CLASS/*.JPEG."
        )
    return visible_folders(directory)


def _images(folder, expected="at least one image"):
    files = visible_files(folder)
    if not files:
        raise InputError(f"Folder {folder} has no images ({', '.join(IMAGE_SUFFIXES)}); expected {expected}.")
    return files


def _split(pairs, class_names, root):
    indices = {name: index for index, name in enumerate(class_names)}
    for file, name in pairs:
        if name not in indices:
            raise InputError(f"{file} is of the class {name}, for which {root / 'train'} has no folder.")
    return ImageFiles(
        tuple(file for file, _ in pairs), np.array([indices[name] for _, name in pairs], np.int32)
    )


DEVKIT = "ILSVRC2012_devkit_t12"
# The development kit of the challenge, and the list of its competition on Kaggle.
LISTS = (DEVKIT, "LOC_val_solution.csv")


def listed_classes(root, files):
    """Return the class of each image of `val/`, by the list that lies beside that folder.

    Args:
        root: `Path` of the folder that holds `val/` and `ILSVRC2012_devkit_t12/` or `LOC_val_solution.csv`.
        files: The images in the order of their names.

    Returns:
        One class name, such as `n01440764`, per image.

    Raises:
        InputError: If there is neither list, or it does not name these images.
    """
    if (root / LISTS[0]).is_dir():
        return _by_devkit(root / LISTS[0] / "data", files)
    if (root / LISTS[1]).is_file():
        return _by_table(root / LISTS[1], files)
    raise InputError(
        f"{root / 'val'} has images without folders of classes, but {root} has no {' or '.join(LISTS)} to tell their "
        "classes; put one of them there."
    )


def _by_devkit(folder, files):
    # Line i is the number of the class of ILSVRC2012_val_0000000i.JPEG; meta.mat has the names of these numbers.
    truth, meta = folder / "ILSVRC2012_validation_ground_truth.txt", folder / "meta.mat"
    names = _class_names(meta)
    _check_size(truth, 2**24)
    try:
        numbers = [int(line) for line in truth.read_text().split()]
        classes = [names[number] for number in numbers]
    except (OSError, ValueError, KeyError):
        raise InputError(
            f"{truth} is missing, or no list of class numbers of {meta}; restore the official {DEVKIT}."
        ) from None
    if len(classes) != len(files):
        raise InputError(
            f"{truth} lists {len(classes)} images but {files[0].parent} holds {len(files)}; expected all of the "
            "official ones, and no other."
        )
    return classes


def _check_size(path, most):
    # The official files have 0.07, 0.2 and 2.5 MB; compressed numbers may stand for a thousand times that.
    check_regular_file(path)
    if path.is_file() and path.stat().st_size > most:
        raise InputError(f"{path} has more than {most:,} bytes; restore the official file.")


def _class_names(path):
    _check_size(path, 2**20)
    try:
        synsets = scipy.io.loadmat(path, squeeze_me=True)["synsets"]
        return {int(synset["ILSVRC2012_ID"]): str(synset["WNID"]) for synset in synsets}
    except Exception:  # SciPy raises nearly anything for a damaged file
        raise InputError(f"{path} is missing or damaged; restore the official {DEVKIT}.") from None


def _by_table(path, files):
    # ImageId,PredictionString: the name of an image, and its class followed by the corners of its object.
    _check_size(path, 2**26)
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if len(row) == 2 and row[1].strip()]
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path} is damaged ({error}); get the official list again.") from None
    classes = {name: prediction.split()[0] for name, prediction in rows}
    unlisted = next((file for file in files if file.stem not in classes), None)
    if unlisted:
        raise InputError(
            f"{path} does not list {unlisted.name}; expected ImageId,PredictionString of each image."
        )
    return [classes[file.stem] for file in files]
