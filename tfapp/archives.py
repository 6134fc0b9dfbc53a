"""NumPy archives and other compressed files, read no further than they declare and than their format can need."""

import math
import os
import struct
import zipfile
import zlib
from contextlib import contextmanager

import numpy as np

from tfapp.files import check_regular_file

# Of an archive's arrays together. The largest that tfapp writes, features of ImageNet, are kept in shards of 1 MB.
MOST_BYTES = 2**30
# Where one byte stands for many: gzip and zip can do no better.
_BEST_RATIO = 1032
_CHUNK = 2**22
# What reading a damaged archive raises; RuntimeError is that of an encrypted or unknown member.
DAMAGED = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    EOFError,
    AttributeError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)


@contextmanager
def open_arrays(path, most=MOST_BYTES, names=None):
    """Open an `.npz` archive whose arrays, by their own headers, are no larger than its members; nothing is unpickled.

    Args:
        path: The file.
        most: Bytes of all arrays together, at most; None for what the file itself has, and `MOST_BYTES` in any case.
        names: Names of the arrays that are going to be read, for a file of many; all by default.

    Yields:
        NumPy's `NpzFile`.

    Raises:
        InputError: It is no regular file.
        ValueError: It declares more than `most`, or arrays that are not as large as they say.
        One of `DAMAGED`: It is missing or damaged.
    """
    check_regular_file(path)
    # Opened here, as NumPy leaves open what it cannot read.
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as members:
                if most is None:
                    most = max(MOST_BYTES, os.fstat(file.fileno()).st_size)
                _check_members(members, most, names)
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                yield arrays
        except zipfile.BadZipFile as error:
            # It may hold all bytes of a name that is none.
            raise ValueError(str(error)[:100]) from None


def _check_members(members, most, names):
    declared = sum(member.file_size for member in members.infolist())
    if declared > most:
        raise ValueError(f"it declares {declared:,} bytes of arrays, more than {most:,}")
    looked_at = None if names is None else {f"{name}.npy" for name in names}
    for member in members.infolist():
        if looked_at is not None and member.filename not in looked_at:
            continue
        with members.open(member) as content:
            _check_header(content, member.file_size)


def read_array(path, most=MOST_BYTES):
    """Return the array of an `.npy` file; raises as `open_arrays` does."""
    check_regular_file(path)
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise ValueError(f"it has {size:,} bytes, more than {most:,}")
        _check_header(file, size)
        file.seek(0)
        return np.load(file, allow_pickle=False)


def _check_header(file, size):
    """Raise ValueError if an array in the format of NumPy says it is larger than its file: memory is taken by that."""
    try:
        version = np.lib.format.read_magic(file)
        # Version 3 differs in the encoding of field names alone.
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read(file)
    except Exception:  # NumPy parses it as Python, and raises nearly anything
        raise ValueError("it does not begin as an array of NumPy does") from None
    if math.prod(shape) * dtype.itemsize > size and not dtype.hasobject:
        raise ValueError(f"it declares an array of shape {shape}, which {size:,} bytes cannot hold")


def read_declared(file, count, path, most=MOST_BYTES):
    """Return the bytes that the header of a file announces, read in pieces as they come.

    Args:
        file: Binary file, as a decompressor gives it, behind its header.
        count: Bytes that it announces.
        path: Its path on the disk.
        most: Largest count that is taken.

    Returns:
        The bytes: fewer, or one more, where the file has another number.

    Raises:
        ValueError: It announces more than `most`, or more than a file of that size can hold.
    """
    held = os.stat(path).st_size
    if count > most or count > _BEST_RATIO * held:
        limit = f"the {most:,} that are read" if count > most else f"a file of {held:,} bytes can hold"
        raise ValueError(f"its header announces {count:,} bytes, more than {limit}")
    content = bytearray()
    while len(content) <= count and (piece := file.read(min(_CHUNK, count + 1 - len(content)))):
        content += piece
    return bytes(content)
