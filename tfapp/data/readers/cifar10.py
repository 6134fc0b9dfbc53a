"""Reader of CIFAR-10: the official batches for Python, unpickled without trusting them."""

import io
import math
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np

from tfapp.data.labelled import ClassificationSet, ImageArray, checked_array
from tfapp.data.whitening import prepared
from tfapp.errors import InputError
from tfapp.files import check_regular_file

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
MOST_BYTES = 2**29


def cifar10(path, spec, contrast="no", whiten="no"):
    """Read the five training batches and the test batch in `path`, or in `cifar-10-batches-py` below it.

    Batches may hold any number of images, whatever `batches.meta` says: a subset works as the official files do.

    Args:
        path: The folder.
        spec: What names the dataset; it decides nothing.
        contrast: `yes` or `no`: whether all images get the same contrast.
        whiten: `yes` or `no`: whether pixels are uncorrelated. With either, images are float32, less the mean image,
            as `tfapp.data.whitening.prepared` has it.

    Raises:
        InputError: For a batch that is missing, damaged, of other content, or that names anything but arrays, and for
            another word than `yes` or `no`.
    """
    options = {"contrast": contrast, "whiten": whiten}
    for name, word in options.items():
        if word not in ("yes", "no"):
            raise InputError(
                f"{name}={word} in {spec!r} is not understood; expected {name}=yes or {name}=no."
            )
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
        np.concatenate([getattr(batch, name) for batch in train]) for name in ("images", "labels")
    )
    train, test = ImageArray(images, labels), _batch(root / TEST_BATCH)
    if "yes" in options.values():
        both = prepared(train.images, test.images, **{name: word == "yes" for name, word in options.items()})
        train, test = (
            replace(part, images=changed) for part, changed in zip((train, test), both, strict=True)
        )
    return ClassificationSet(spec, CLASS_NAMES, train, test)


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


# A pickle is a program that calls whatever functions it names. Here the few names that are allowed stand for the
# records below, and nothing that a file names is ever looked up; not NumPy's functions either, which make arrays of any
# type and size.


class _Type:
    """What a pickle says of a `numpy.dtype`."""

    def __init__(self, name, *copying):
        self.name = name.decode("ascii") if isinstance(name, bytes) else name

    def __setstate__(self, byte_order):
        # Single bytes have none.
        pass


class _Array:
    """What a pickle says of a `numpy.ndarray`: its `content` is uint8, of its own shape."""

    content = None

    def __setstate__(self, state):
        _, shape, dtype, by_columns, content = state
        self._fill(content, dtype, shape, "F" if by_columns else "C")

    def _fill(self, content, dtype, shape, order):
        if dtype.name not in ("u1", "|u1", "uint8") or math.prod(shape) != len(content):
            raise pickle.UnpicklingError(f"an array of {dtype.name} and shape {shape}, not of unsigned bytes")
        self.content = np.frombuffer(content, np.uint8).reshape(shape, order=order)


def _reconstruct(subtype, shape, name):
    if subtype is not _Array:
        raise pickle.UnpicklingError("an array of no plain kind")
    return _Array()


def _from_buffer(content, dtype, shape, order):
    array = _Array()
    array._fill(content, dtype, shape, order)
    return array


def _encode(text, encoding):
    # How Python 3 writes bytes in the protocols of Python 2.
    if encoding not in ("latin1", b"latin1"):
        raise pickle.UnpicklingError(f"text in the encoding {encoding!r}")
    return text.encode("latin1")


# NumPy 1 and 2 name their own parts differently.
_CORES = ("numpy.core", "numpy._core")
_RECORDS = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    **{(f"{core}.multiarray", "_reconstruct"): _reconstruct for core in _CORES},
    **{(f"{core}.numeric", "_frombuffer"): _from_buffer for core in _CORES},
    ("_codecs", "encode"): _encode,
}


class _Unpickler(pickle.Unpickler):
    def __init__(self, file, path):
        # Text of Python 2 stays bytes: pixels are no text.
        super().__init__(file, encoding="bytes")
        self.path = path

    def find_class(self, module, name):
        if (module, name) not in _RECORDS:
            raise InputError(
                f"{self.path} wants to call {module}.{name}; expected numbers, lists and NumPy arrays only: it is "
                "refused and nothing of it was run."
            )
        return _RECORDS[module, name]


def load_restricted(path):
    """Unpickle a file of bytes, text, numbers, lists, dictionaries and uint8 arrays.

    Args:
        path: The file, in any protocol, written by Python 2 or 3.

    Returns:
        The object; arrays are `numpy.ndarray` where they are a value of the outermost dictionary, whose keys are
        text.

    Raises:
        InputError: If the file is damaged or truncated, or names anything but NumPy arrays, which is then in the
            message; nothing that it names has been called.
    """
    try:
        check_regular_file(path, "a batch of CIFAR-10 for Python")
        with open(path, "rb") as file:
            stored = file.read(MOST_BYTES + 1)
        if len(stored) > MOST_BYTES:
            raise InputError(
                f"{path} has more than {MOST_BYTES:,} bytes; the official batches have 31 million."
            )
        # From memory, where nothing is taken for what a pickle only announces.
        content = _Unpickler(io.BytesIO(stored), path).load()
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
    except Exception as error:  # a damaged pickle raises nearly anything
        raise InputError(
            f"{path} is damaged or truncated ({str(error) or type(error).__name__}); get the official file again."
        ) from None
    if not isinstance(content, dict):
        raise InputError(f"{path} holds a {type(content).__name__}; expected a dictionary.")
    return {_text(key): _plain(value) for key, value in content.items()}


def _text(key):
    return key.decode("latin1") if isinstance(key, bytes) else key


def _plain(value):
    return value.content if isinstance(value, _Array) else value
