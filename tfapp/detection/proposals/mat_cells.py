"""Cell arrays of numbers and texts in MATLAB's files of level 5, as far as region proposals need them.

SciPy reads these files too, but a damaged one can end the whole process within it (about 1 of 100 files with a few
bytes changed, SciPy 1.17), and takes memory by what the file declares.
"""

import math
import struct
import zlib

import numpy as np

from tfapp.archives import MOST_BYTES

_HEADER, _MATRIX, _COMPRESSED = 128, 14, 15
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXTS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_CELL, _CHAR, _NUMERIC = 1, 4, range(6, 16)
# Enough of a compressed variable to learn its name from, which has 63 letters at most.
_BEGINNING = 1024


class NewerFormat(ValueError):
    """A file of version 7.3, which is HDF5."""


def read_cells(path, names):
    """Return the cell arrays of a file by their names, each a list of its cells in the order of columns.

    Args:
        path: The file.
        names: Variables that are read; what else the file has is passed over.

    Returns:
        Dictionary of the variables that are there: lists of texts, and of arrays (rows, columns) as the file has them.

    Raises:
        NewerFormat: A file of version 7.3.
        ValueError: It is no such file, damaged, or one of these variables is no cell array of numbers and texts.
        OSError: It cannot be read.
    """
    with open(path, "rb") as file:
        content = memoryview(file.read())
    order = _byte_order(bytes(content[:_HEADER]))
    found = {}
    for kind, data in _elements(content[_HEADER:], order):
        if kind == _COMPRESSED:
            data = _unpacked(data, order, names)
        elif kind != _MATRIX:
            raise ValueError(f"it has an element of the kind {kind} where variables stand")
        if data is None:
            continue
        name, value = _matrix(data, order, names)
        if name in names:
            if not isinstance(value, list):
                raise ValueError(f"{name} is no cell array")
            found[name] = value
    return found


def _byte_order(header):
    if header.startswith((b"MATLAB 7.3", b"\x89HDF")):
        raise NewerFormat("it is of version 7.3")
    order = {b"IM": "<", b"MI": ">"}.get(header[126:128])
    if order is None:
        raise ValueError("it does not begin as a file of MATLAB does")
    if struct.unpack(f"{order}H", header[124:126])[0] == 0x0200:
        raise NewerFormat("it is of version 7.3")
    return order


def _elements(data, order):
    """Yield (kind, bytes) of the elements that stand one behind the other."""
    while len(data):
        kind, data, rest = _first(data, order)
        yield kind, data
        data = rest


def _first(data, order):
    """Return the kind and the bytes of the first element, and what stands behind it."""
    if len(data) < 8:
        raise ValueError("it is cut short")
    kind, count = struct.unpack(f"{order}II", data[:8])
    start, end = 8, 8 + count
    if kind >> 16:  # up to four bytes stand in the tag itself
        kind, count = kind & 0xFFFF, kind >> 16
        start, end = 4, 4 + count
        if count > 4:
            raise ValueError("it is damaged")
        behind = 8
    else:
        # All but compressed ones end at a multiple of 8 bytes.
        behind = end if kind == _COMPRESSED else 8 + -(-count // 8) * 8
    if end > len(data):
        raise ValueError("it is cut short")
    return kind, data[start:end], data[behind:]


def _unpacked(data, order, names):
    """Return the bytes of a matrix that is compressed, None unless it may be one of those that are wanted."""
    unpacking = zlib.decompressobj()
    try:
        head = unpacking.decompress(data, _BEGINNING)
        if len(head) < 8:
            raise ValueError("it is cut short")
        kind, count = struct.unpack(f"{order}II", head[:8])
        if kind != _MATRIX or not any(name.encode() in head for name in names):
            return None
        if count > MOST_BYTES:
            raise ValueError(f"a variable of it has {count:,} bytes, more than {MOST_BYTES:,}")
        # Grows as the content comes, whatever was declared.
        missing = 8 + count - len(head)
        rest = unpacking.decompress(unpacking.unconsumed_tail, missing) if missing > 0 else b""
    except zlib.error as error:
        raise ValueError(f"it is damaged: {error}") from None
    content = memoryview(head + rest)[8 : 8 + count]
    if len(content) < count:
        raise ValueError("it is cut short")
    return content


def _matrix(data, order, names=None, within=False):
    """Return the name and the value of a matrix.

    Args:
        data: Its bytes.
        order: "<" or ">".
        names: Names of which the value is wanted; None is any. The value of others is None.
        within: Whether it is a cell, which must be no cell array again: so depth is bounded.
    """
    if not len(data):  # how a cell without content is written
        return "", np.zeros((0, 0))
    (_, flags, data), (_, sides, data), (_, name, data) = _three(data, order)
    if len(flags) < 4 or len(sides) % 4 or not len(sides):
        raise ValueError("it is damaged")
    kind = struct.unpack(f"{order}I", flags[:4])[0] & 0xFF
    shape = struct.unpack(f"{order}{len(sides) // 4}i", sides)
    if min(shape) < 0:
        raise ValueError("it is damaged")
    name = bytes(name).decode("latin-1")
    if names is not None and name not in names:
        return name, None
    if kind == _CELL:
        if within:
            raise ValueError("it has cell arrays within a cell array")
        return name, _cells(data, math.prod(shape), order)
    if kind not in (_CHAR, *_NUMERIC):
        raise ValueError(f"it holds values of class {kind}, neither numbers nor texts")
    stored, data, _ = _first(data, order)
    return name, (_text if kind == _CHAR else _numbers)(stored, data, shape, order)


def _three(data, order):
    found = []
    for _ in range(3):
        kind, element, data = _first(data, order)
        found.append((kind, element, data))
    return found


def _cells(data, count, order):
    cells = []
    for kind, element in _elements(data, order):
        if kind != _MATRIX:
            raise ValueError("it is damaged")
        cells.append(_matrix(element, order, within=True)[1])
    if len(cells) != count:
        raise ValueError(f"a cell array of it has {len(cells)} cells instead of {count}")
    return cells


def _numbers(stored, data, shape, order):
    if stored not in _NUMBERS:
        raise ValueError("it is damaged")
    kind = np.dtype(order + _NUMBERS[stored])
    if math.prod(shape) * kind.itemsize != len(data):
        raise ValueError("it is damaged")
    return np.frombuffer(data, kind).reshape(shape, order="F")


def _text(stored, data, shape, order):
    if stored not in _TEXTS:
        raise ValueError("it is damaged")
    coding = _TEXTS[stored]
    if coding in ("utf-16", "utf-32"):
        coding += "-le" if order == "<" else "-be"
    # A text of several rows would stand in the order of columns.
    if shape and shape[0] > 1:
        raise ValueError("it has a text of several rows")
    return bytes(data).decode(coding)
