"""Reader of MNIST and Fashion-MNIST: four files in the idx format."""

import gzip
import math
import zlib
from functools import partial
from pathlib import Path

import numpy as np

from tfapp.archives import read_declared
from tfapp.data.labelled import ClassificationSet, checked_array
from tfapp.errors import InputError
from tfapp.files import check_regular_file

DIGITS = tuple("0123456789")
CLOTHES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
PREFIXES = ("train", "t10k")


def idx_images(path, spec, class_names):
    """Read `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-...` and `t10k-labels-...`.

    Each is taken as it is or, with `.gz` behind its name, compressed.

    Raises:
        InputError: For a file that is missing or damaged, or files that do not belong together.
    """
    train, test = (_split(Path(path), prefix, len(class_names)) for prefix in PREFIXES)
    if train.image_shape != test.image_shape:
        raise InputError(
            f"The images of {path} for training have the shape {train.image_shape}, those for testing "
            f"{test.image_shape}; expected the four files of one dataset."
        )
    return ClassificationSet(spec, class_names, train, test)


def _split(root, prefix, num_classes):
    images_file = _find(root, f"{prefix}-images-idx3-ubyte")
    labels_file = _find(root, f"{prefix}-labels-idx1-ubyte")
    images, labels = read_idx(images_file, 3), read_idx(labels_file, 1)
    return checked_array(images[..., None], labels, num_classes, images_file, labels_file)


def _find(root, name):
    for file in (root / name, root / f"{name}.gz"):
        if file.is_file():
            return file
    wanted = ", ".join(
        f"{prefix}-{kind}-ubyte" for prefix in PREFIXES for kind in ("images-idx3", "labels-idx1")
    )
    raise InputError(f"{root} has no {name}, with or without .gz; expected the four official files {wanted}.")


mnist = partial(idx_images, class_names=DIGITS)
fashion_mnist = partial(idx_images, class_names=CLOTHES)


# The third byte of the magic number: the entries are unsigned bytes.
UNSIGNED_BYTE = 0x08


def read_idx(path, num_axes):
    """Read an idx file of unsigned bytes, compressed if its name ends in `.gz`.

    Args:
        path: The file.
        num_axes: Number of axes it must have: 3 for images, 1 for labels.

    Returns:
        uint8 array with that many axes.

    Raises:
        InputError: If the file is not idx, has other entries or axes, or more or fewer bytes than its header says.

    Reference:
        Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits", 1998, section "FILE
        FORMATS FOR THE MNIST DATABASE": big-endian integers of 32 bits, the last axis changes fastest.
    """
    path = Path(path)
    check_regular_file(path, "an idx file")
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            return _read(file, path, num_axes)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            f"{path} is damaged or truncated ({_lowered(error)}); get the official file again."
        ) from None


def _read(file, path, num_axes):
    expected = bytes((0, 0, UNSIGNED_BYTE, num_axes))
    magic = file.read(4)
    if magic != expected:
        raise InputError(
            f"{path} begins with the magic number 0x{magic.hex()}; expected 0x{expected.hex()}, an idx file of "
            f"unsigned bytes with {num_axes} ax{'i' if num_axes == 1 else 'e'}s."
        )
    header = file.read(4 * num_axes)
    if len(header) < 4 * num_axes:
        raise InputError(f"{path} ends within its header; get the official file again.")
    shape = tuple(int(length) for length in np.frombuffer(header, ">u4"))
    count = math.prod(shape)
    content, found = b"", path.stat().st_size - file.tell()
    # The number of bytes of a file that is not compressed is known beforehand.
    if path.suffix == ".gz" or found == count:
        try:
            content = read_declared(file, count, path)
        except ValueError as error:
            raise InputError(
                f"{path} is damaged or truncated: {error}; get the official file again."
            ) from None
        found = len(content) if len(content) <= count else "more"
    if found != count:
        raise InputError(
            f"{path} is damaged or truncated: its header announces {'x'.join(map(str, shape))} bytes, it holds "
            f"{found}; get the official file again."
        )
    return np.frombuffer(content, np.uint8).reshape(shape)


def _lowered(error):
    text = str(error).rstrip(".")
    return text[:1].lower() + text[1:]
