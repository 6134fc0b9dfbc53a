"""Point clouds as files, PCD and PLY, through Open3D: points, and rows and columns where the file tells them."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfapp.data.opening import check_pixels
from tfapp.errors import InputError
from tfapp.pose.libraries import import_open3d
from tfapp.pose.scenes.mesh_files import check_declared, declared_elements, ply_header

CLOUD_SUFFIXES = (".pcd", ".ply")
_HEADER = 2**16
# What LZF makes of one byte at most: 264 of 3.
_BEST_RATIO = 88


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
        InputError: The file is damaged, holds no points, or announces more than it can hold.
    """
    path = Path(path)
    announced, size = _pcd_shape(path) if path.suffix.lower() == ".pcd" else _ply_shape(path)
    check_pixels(path, announced)
    try:
        # NaN are places without a point, and count.
        read = import_open3d().io.read_point_cloud(str(path))
    except (RuntimeError, MemoryError) as error:
        raise InputError(f"Point cloud {path} cannot be read ({error}).") from None
    points = np.asarray(read.points)
    if not len(points) or len(points) != announced:
        raise InputError(
            f"Point cloud {path} is damaged or cut short: {len(points)} of {announced} points can be read."
        )
    return PointCloud(points.copy(), size)


def _pcd_shape(path):
    """Return the number of points that the header of a PCD file announces, and the size of an organised cloud."""
    with open(path, "rb") as file:
        start, separator, rest = file.read(_HEADER).partition(b"\nDATA ")
    entries = dict(line.split(maxsplit=1) for line in start.decode("latin-1").splitlines() if " " in line)
    try:
        names, sizes = entries["FIELDS"].split(), [int(one) for one in entries["SIZE"].split()]
        counts = [int(one) for one in entries.get("COUNT", " ".join("1" for _ in names)).split()]
        width, height, count = (int(entries[name]) for name in ("WIDTH", "HEIGHT", "POINTS"))
        each = sum(size * number for size, number in zip(sizes, counts, strict=True))
    except (KeyError, ValueError):
        separator = b""
    if not separator or not {"x", "y", "z"} <= set(names) or width * height != count:
        raise InputError(
            f"{path} is damaged or not a PCD file; expected a header with FIELDS x y z, SIZE, WIDTH, HEIGHT, POINTS = "
            "WIDTH times HEIGHT, and DATA."
        )
    coding, held = b"".join(rest.split(maxsplit=1)[:1]), path.stat().st_size
    # In text a number takes two characters with what follows it.
    least = {b"ascii": 2 * len(names), b"binary_compressed": each / _BEST_RATIO}.get(coding, each)
    if count < 0 or min(counts) < 0 or count * least > held:
        raise InputError(
            f"{path} is damaged: its header announces {count:,} points, more than {held:,} bytes can hold."
        )
    return count, (width, height) if height > 1 and width > 1 else None


_ROWS_AND_COLUMNS = (
    (r"num_cols\s+(\d+)", r"num_rows\s+(\d+)"),
    (r"\bWidth\s*=\s*(\d+)", r"\bHeight\s*=\s*(\d+)"),
)


def _ply_shape(path):
    """Return what `_pcd_shape` does, of a PLY file."""
    check_declared(path)
    header = ply_header(path)
    count = next((number for name, number, _ in declared_elements(header) if name == "vertex"), None)
    if count is None:
        raise InputError(f"{path} is damaged or not a PLY file; expected a header with `element vertex`.")
    said = "\n".join(line for line in header.splitlines() if line.startswith(("obj_info", "comment")))
    for patterns in _ROWS_AND_COLUMNS:
        found = [re.search(pattern, said) for pattern in patterns]
        if all(found):
            width, height = (int(one[1][:20]) for one in found)
            if width * height == count and min(width, height) > 1:
                return count, (width, height)
    return count, None
