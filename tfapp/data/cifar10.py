"""Reader of CIFAR-10: the official batches for Python.

A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009. A batch is a pickled dictionary with
`data`, uint8 (count, 3072), of each image 1,024 red, then green, then blue values row by row, and `labels`.
"""

from pathlib import Path

import numpy as np

from tfapp.data.classification import ClassificationSet, ImageArray, checked_array
from tfapp.data.restricted_pickle import load_restricted
from tfapp.errors import InputError

CLASS_NAMES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
FOLDER = "cifar-10-batches-py"
TRAIN_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST_BATCH = "test_batch"


def cifar10(path, spec):
    """Read the five training batches and the test batch in `path`, or in `cifar-10-batches-py` below it.

    Batches may hold any number of images, whatever `batches.meta` says: a subset works as the official files do.

    Raises:
        InputError: For a batch that is missing, damaged, of other content, or that names anything but arrays.
    """
    root = Path(path)
    root = root / FOLDER if (root / FOLDER).is_dir() else root
    missing = [name for name in (*TRAIN_BATCHES, TEST_BATCH) if not (root / name).is_file()]
    if missing:
        raise InputError(
            f"{root} has no {missing[0]}; expected the unpacked folder {FOLDER} with {', '.join(TRAIN_BATCHES)} and "
            f"{TEST_BATCH}."
        )
    train = [_batch(root / name) for name in TRAIN_BATCHES]
    images, labels = (
        np.concatenate([getattr(part, name) for part in train]) for name in ("images", "labels")
    )
    return ClassificationSet(spec, CLASS_NAMES, ImageArray(images, labels), _batch(root / TEST_BATCH))


def _batch(path):
    content = load_restricted(path)
    data, labels = content.get("data"), content.get("labels")
    if not isinstance(data, np.ndarray) or data.ndim != 2 or data.shape[1] != 3 * 32 * 32:
        raise InputError(
            f"{path} has no 'data' of (count, 3072) bytes; expected a batch of CIFAR-10 for Python."
        )
    if not isinstance(labels, list) or not all(type(label) is int and abs(label) < 2**31 for label in labels):
        raise InputError(f"{path} has no list of 'labels'; expected a batch of CIFAR-10 for Python.")
    images = np.ascontiguousarray(data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    return checked_array(images, np.array(labels, np.int32), len(CLASS_NAMES), path, path)
