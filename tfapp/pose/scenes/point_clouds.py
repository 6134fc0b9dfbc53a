"""Point clouds as files, PCD and PLY: points, and rows and columns where the file tells them.

Open3D gives whatever was in memory for the points that a cut file lacks, and says nothing. So the files are read here,
but for compressed ones.
"""

import re
import tempfile
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from tfapp.data.opening import check_pixels
from tfapp.errors import InputError
from tfapp.pose.libraries import import_open3d

CLOUD_SUFFIXES = (".pcd", ".ply")
_HEADER = 2**16
_AXES = ("x", "y", "z")
# What LZF makes of one byte at most: 264 of 3.
_BEST_RATIO = 88
# Numbers of one name that a point of a PCD file may have; the longest descriptors of the Point Cloud Library have 1344.
_MOST_COUNT = 4096


@dataclass(frozen=True, eq=False)
class PointCloud:
    """A cloud as it is stored.

    Attributes:
        points: float64 (n, 3) in the unit and the frame of the file; NaN or all 0 where nothing was measured.
        size: (width, height) of an organised cloud, whose points are the pixels row by row; None for others.
    """

    points: np.ndarray
    size: tuple | None


def read_cloud(path):
    """Read a `PointCloud`.

    A .pcd is organised if its HEIGHT is more than 1; a .ply if its header says so, by `obj_info num_cols` and
    `num_rows` (PCL) or `Width = 2064; Height = 1544` (Photoneo).

    Raises:
        InputError: The file is damaged, holds no points, or fewer than it announces.
    """
    path = Path(path)
    with open(path, "rb") as file:
        read = _read_pcd if path.suffix.lower() == ".pcd" else _read_ply
        cloud = read(path, file)
    if not len(cloud.points):
        raise InputError(f"Point cloud {path} has no points.")
    return cloud


@dataclass(frozen=True)
class _Table:
    """How the points stand in a file.

    Attributes:
        count: Number of points.
        columns: Names of the numbers of each, in their order.
        types: Their types, as NumPy has them.
        in_text: Whether they are text, a line each.
    """

    count: int
    columns: tuple
    types: tuple
    in_text: bool

    def read(self, path, file):
        """Return the points float64 (count, 3) that begin at the place of an open file."""
        check_pixels(path, self.count)
        if self.in_text:
            return self._of_lines(path, file)
        kind = np.dtype([(f"{place}", one) for place, one in enumerate(self.types)])
        # No more than the file has: memory is taken by what is asked for.
        content = file.read(min(self.count * kind.itemsize, path.stat().st_size))
        if len(content) < self.count * kind.itemsize:
            raise _cut(path, len(content) // max(kind.itemsize, 1), self.count)
        stored = np.frombuffer(content, kind)
        axes = [stored[f"{self.columns.index(axis)}"] for axis in _AXES]
        # Damaged ones may be NaN of a kind that the processor warns of.
        with np.errstate(invalid="ignore"):
            return np.stack(axes, -1).astype(np.float64)

    def _of_lines(self, path, file):
        places = [self.columns.index(axis) for axis in _AXES]
        if not self.count:
            return np.zeros((0, 3))
        lines = list(islice(file, self.count))
        if len(lines) < self.count or not lines[-1].endswith(b"\n") and not _is_whole(lines, self.columns):
            raise _cut(path, len(lines), self.count)
        try:
            points = np.loadtxt(lines, usecols=places, comments=None, ndmin=2, encoding="latin-1")
        except ValueError as error:
            raise InputError(f"Point cloud {path} is damaged ({error}).") from None
        if len(points) < self.count:
            raise _cut(path, len(points), self.count)
        return points


def _is_whole(lines, columns):
    # The last line of a file may lack its end, but no number.
    return len(lines[-1].split()) >= len(columns)


def _cut(path, found, count):
    return InputError(f"Point cloud {path} is damaged or cut short: {found} of {count} points can be read.")


def _read_pcd(path, file):
    """Return the `PointCloud` of a PCD file (Point Cloud Library, *The PCD file format*)."""
    start = file.read(_HEADER)
    header, separator, rest = start.partition(b"\nDATA ")
    coding, _, _ = rest.partition(b"\n")
    lines = [line.split(maxsplit=1) for line in header.decode("latin-1").splitlines()]
    entries = dict(words for words in lines if len(words) == 2)
    try:
        names, types = entries["FIELDS"].split(), entries["TYPE"].split()
        sizes = [int(one) for one in entries["SIZE"].split()]
        counts = [int(one) for one in entries.get("COUNT", " ".join("1" for _ in names)).split()]
        width, height, count = (int(entries[name]) for name in ("WIDTH", "HEIGHT", "POINTS"))
        columns, kinds = [], []
        if not all(0 < number <= _MOST_COUNT for number in counts):
            raise ValueError
        for name, kind, size, number in zip(names, types, sizes, counts, strict=True):
            columns += [name] * number
            kinds += [f"<{_PCD_TYPES[kind]}{size}"] * number
        np.dtype(",".join(kinds))
    except (KeyError, ValueError, TypeError):
        separator = b""
    if not separator or not set(_AXES) <= set(columns) or width * height != count or count < 0:
        raise InputError(
            f"{path} is damaged or not a PCD file; expected a header with FIELDS x y z, SIZE, TYPE, WIDTH, HEIGHT, "
            "POINTS = WIDTH times HEIGHT, and DATA."
        )
    size = (width, height) if height > 1 and width > 1 else None
    file.seek(len(header) + len(separator) + len(coding) + 1)
    if coding.strip() == b"binary_compressed":
        return PointCloud(_compressed(path, file.read(), count, columns, kinds), size)
    table = _Table(count, tuple(columns), tuple(kinds), coding.strip() == b"ascii")
    return PointCloud(table.read(path, file), size)


_PCD_TYPES = {"F": "f", "I": "i", "U": "u"}


def _compressed(path, content, count, columns, kinds):
    """Return the points float64 (count, 3) of what follows the header of a compressed PCD file.

    It is decompressed by Open3D, which takes memory by whatever a header says: what it sees has a header of our own,
    after the sizes were compared with the file.
    """
    check_pixels(path, count)
    types = [np.dtype(kind) for kind in kinds]
    held, size = len(content) - 8, count * sum(kind.itemsize for kind in types)
    packed, whole = np.frombuffer(content[:8], "<u4").tolist() if held >= 0 else (0, 0)
    if packed > held or whole != size or size > _BEST_RATIO * max(packed, 0):
        raise InputError(
            f"{path} is damaged: its header announces {count:,} points, {size:,} bytes, but it holds {max(held, 0):,} "
            f"bytes which announce {whole:,}."
        )
    header = {
        "FIELDS": " ".join(columns),
        "SIZE": " ".join(str(kind.itemsize) for kind in types),
        "TYPE": " ".join({"f": "F", "i": "I", "u": "U"}[kind.kind] for kind in types),
        "COUNT": " ".join("1" for _ in types),
        **{"WIDTH": count, "HEIGHT": 1, "POINTS": count, "DATA": "binary_compressed"},
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "cloud.pcd")
        lines = ["VERSION 0.7", *(f"{name} {value}" for name, value in header.items())]
        file.write_bytes("\n".join(lines).encode("latin-1") + b"\n" + content[: 8 + packed])
        try:
            # NaN are places without a point, and count.
            points = np.asarray(import_open3d().io.read_point_cloud(str(file)).points)
        except (RuntimeError, MemoryError) as error:
            raise InputError(f"Point cloud {path} cannot be read ({error}).") from None
        if len(points) != count:
            raise _cut(path, len(points), count)
        return points.copy()


_ROWS_AND_COLUMNS = (
    (r"num_cols\s+(\d+)", r"num_rows\s+(\d+)"),
    (r"\bWidth\s*=\s*(\d+)", r"\bHeight\s*=\s*(\d+)"),
)
_PLY_TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}
_FORMATS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}


def _read_ply(path, file):
    """Return the `PointCloud` of the vertices of a PLY file (G. Turk, "The PLY Polygon File Format", 1994)."""
    start = file.read(_HEADER)
    header, separator, _ = start.partition(b"end_header")
    lines = [line.split() for line in header.decode("latin-1").splitlines()]
    form = next((line[1] for line in lines if line[:1] == ["format"] and len(line) > 1), None)
    vertices = _first_element(lines)
    if not separator or form not in _FORMATS or vertices is None:
        raise InputError(
            f"{path} is damaged or not a PLY file of points; expected a header with the element vertex first, whose "
            "properties are numbers, x, y and z among them."
        )
    count, columns, types = vertices
    file.seek(len(header))
    file.readline()
    table = _Table(count, columns, tuple(_FORMATS[form] + one for one in types), form == "ascii")
    return PointCloud(table.read(path, file), _rows_and_columns(header.decode("latin-1"), count))


def _first_element(lines):
    """Return (count, names, types) of the vertices that a header announces, None if it does not so at once."""
    elements = [place for place, line in enumerate(lines) if line[:1] == ["element"]]
    if not elements:
        return None
    end = elements[1] if len(elements) > 1 else len(lines)
    words, properties = (
        lines[elements[0]],
        [line for line in lines[elements[0] : end] if line[:1] == ["property"]],
    )
    if len(words) != 3 or words[1] != "vertex" or not (words[2].isascii() and words[2].isdigit()):
        return None
    if any(len(line) != 3 or line[1] not in _PLY_TYPES for line in properties):
        return None
    names = tuple(line[2] for line in properties)
    if not set(_AXES) <= set(names):
        return None
    return int(words[2][:20]), names, tuple(_PLY_TYPES[line[1]] for line in properties)


def _rows_and_columns(header, count):
    said = "\n".join(line for line in header.splitlines() if line.startswith(("obj_info", "comment")))
    for patterns in _ROWS_AND_COLUMNS:
        found = [re.search(pattern, said) for pattern in patterns]
        if all(found):
            width, height = (int(one[1][:20]) for one in found)
            if width * height == count and min(width, height) > 1:
                return width, height
    return None
