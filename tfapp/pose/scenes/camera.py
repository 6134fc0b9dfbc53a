"""Pinhole camera of a folder of scenes."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tfapp.errors import InputError
from tfapp.files import write_json
from tfapp.records import Entries, Number, Whole, read_record

_EXPECTED = '{"width", "height", "fx", "fy", "cx", "cy"} in pixels'


@dataclass(frozen=True)
class Camera:
    """Pinhole camera that looks along z, with x to the right and y down.

    The centre of the pixel in row r and column c is at (c + 0.5, r + 0.5), so that the centre of the whole picture
    is at (width / 2, height / 2).

    Attributes:
        width, height: Of its images, in pixels.
        fx, fy: Focal lengths in pixels.
        cx, cy: Where the axis meets the image, in pixels.
        depth_scale: Millimetres that one step of a 16-bit depth image stands for, as in the `camera.json` of BOP.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    depth_scale: float = 1.0

    def rays(self):
        """Return float64 (height, width, 3): the direction of every pixel, with z = 1."""
        x = (np.arange(self.width) + 0.5 - self.cx) / self.fx
        y = (np.arange(self.height) + 0.5 - self.cy) / self.fy
        grid = np.meshgrid(x, y)
        return np.stack([*grid, np.ones_like(grid[0])], axis=-1)

    def back_project(self, depth, mask=None):
        """Return the points that were measured, and their pixels.

        Args:
            depth: (height, width) along z in metres; 0, NaN or infinite where nothing was measured.
            mask: bool (height, width) of the pixels that count; all, if None.

        Returns:
            points: float32 (k, 3) in metres, in the frame of the camera, row by row of the image.
            pixels: int64 (k, 2), row and column of each.
        """
        depth = np.asarray(depth)
        measured = np.isfinite(depth) & (depth > 0)
        rows, columns = np.nonzero(measured if mask is None else measured & mask)
        points = self.rays()[rows, columns] * depth[rows, columns, None]
        return points.astype(np.float32), np.stack([rows, columns], axis=-1)

    def project(self, points):
        """Return (..., 2): column and row, in pixels, where points (..., 3) in front of the camera are seen."""
        points = np.asarray(points)
        centre, focal = np.array([self.cx, self.cy]), np.array([self.fx, self.fy])
        return centre + focal * points[..., :2] / points[..., 2:]


_LENGTH = Number(above=0, most=1e9)
# A picture of more pixels than this is no depth image, and its rays would fill the memory.
_SIDE = Whole(1, 65535, exact=False)
# `depth_scale` may be as small as a step of a nanometre; beyond metres it is a slip.
CAMERA_ENTRIES = Entries(
    {"width": _SIDE, "height": _SIDE, "fx": _LENGTH, "fy": _LENGTH, "cx": _LENGTH, "cy": _LENGTH},
    {"depth_scale": Number(above=0, most=1e4)},
)


def read_camera(path) -> Camera:
    """Read a `camera.json`; what else it holds is not looked at.

    Raises:
        InputError: The file is missing or damaged, a number is missing, not finite or not positive, or the principal
            point is outside the image.
    """
    path = Path(path)
    try:
        content = read_record(path, CAMERA_ENTRIES, f"expected JSON with {_EXPECTED}.")
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; expected the camera's {_EXPECTED}.") from None
    sizes = [int(content[name]) for name in ("width", "height")]
    lengths = [float(content[name]) for name in ("fx", "fy", "cx", "cy")]
    camera = Camera(*sizes, *lengths, float(content.get("depth_scale", 1.0)))
    for name, place, side in (("cx", camera.cx, "width"), ("cy", camera.cy, "height")):
        if place > getattr(camera, side):
            raise InputError(
                f"{path} has the principal point outside the image: {name} is {place:g}, {side} "
                f"{getattr(camera, side)}; give all of {_EXPECTED} for one size of image."
            )
    return camera


def write_camera(camera, path) -> None:
    """Write a `camera.json`."""
    write_json(path, asdict(camera))
