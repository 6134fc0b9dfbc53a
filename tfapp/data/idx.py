"""The idx format of the MNIST files: a magic number, the lengths of the axes, the bytes."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from tfapp.errors import InputError

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
    content = file.read()
    if len(content) != math.prod(shape):
        raise InputError(
            f"{path} is damaged or truncated: its header announces {'x'.join(map(str, shape))} bytes, it holds "
            f"{len(content)}; get the official file again."
        )
    return np.frombuffer(content, np.uint8).reshape(shape)


def _lowered(error):
    text = str(error).rstrip(".")
    return text[:1].lower() + text[1:]
