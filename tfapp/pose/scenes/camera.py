"""Pinhole camera of a folder of scenes."""

import re
from dataclasses import asdict, dataclass, replace
from math import atan, degrees
from pathlib import Path

import numpy as np

from tfapp.errors import InputError
from tfapp.files import write_json
from tfapp.records import Entries, Number, OneOf, Whole, checked, read_record

METRES = "m"
# Of floats and point clouds, in metres.
UNITS = {METRES: 1.0, "cm": 0.01, "mm": 0.001}
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
        depth_scale: Millimetres that one step of a depth image of whole numbers stands for, as in the `camera.json` of
            BOP.
        depth_unit: Unit of depth in floats and of point clouds, a name of `UNITS`.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    depth_scale: float = 1.0
    depth_unit: str = METRES

    @property
    def intrinsics(self):
        """Float64 `(4,)`: fx, fy, cx, cy in pixels."""
        return np.array([self.fx, self.fy, self.cx, self.cy], np.float64)

    def to_json(self):
        """Return what a `camera.json` and the record of a run hold of it."""
        content = asdict(self)
        # As earlier versions wrote it.
        if self.depth_unit == METRES:
            del content["depth_unit"]
        return content

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
# `depth_scale` may be as small as a step of a nanometre; beyond metres it is a slip.
DEPTH_ENTRIES = {"depth_scale": Number(above=0, most=1e4), "depth_unit": OneOf(tuple(UNITS))}
# A picture of more pixels than this is no depth image, and its rays would fill the memory.
_SIDE = Whole(1, 65535, exact=False)
LENS_ENTRIES = dict.fromkeys(("fx", "fy", "cx", "cy"), _LENGTH)
CAMERA_ENTRIES = Entries({"width": _SIDE, "height": _SIDE, **LENS_ENTRIES}, DEPTH_ENTRIES)


# Beyond it, in degrees, no lens without distortion reaches: then the focal length has another unit.
_WIDEST = 150
# Names without case, `_` and `-`: coefficients of OpenCV, ROS, RealSense, COLMAP and Kalibr.
_DISTORTION = re.compile(
    r"k[1-6]|[ps][1-4]|xi|d|coeffs?|dist|.*distortion.*|dist(ortion)?(coeff?s?|coefficients)"
)
_SKEW = re.compile(r"skew.*|axisskew|shear")
_MATRIX = re.compile(r"k|camk|cameramatrix|intrinsics?|intrinsicmatrix|cameraintrinsics?")
_OTHER_LENS = re.compile("fisheye|equidistant|kannala|omni|spherical|panoram|ftheta", re.IGNORECASE)


def read_camera(path, otherwise=None) -> Camera:
    """Read a `camera.json`; of what else it holds, distortion and skew must be 0.

    Args:
        path: The file.
        otherwise: Function that returns the `Camera` where the file says nothing of a lens, or is not there: images
            that tell it themselves. None if it must say all.

    Raises:
        InputError: The file is missing or damaged, a number is missing, not finite or not positive, the principal
            point is outside the image, the field of view is beyond 150 degrees, or the lens is no pinhole.
    """
    path = Path(path)
    kind = CAMERA_ENTRIES if otherwise is None else Entries({}, {**CAMERA_ENTRIES.needed, **DEPTH_ENTRIES})
    remedy = f"expected JSON with {_EXPECTED}."
    try:
        content = read_record(path, kind, remedy)
    except FileNotFoundError:
        if otherwise is not None:
            return otherwise()
        raise InputError(f"{path} does not exist; expected the camera's {_EXPECTED}.") from None
    depth = {
        "depth_scale": float(content.get("depth_scale", 1.0)),
        "depth_unit": content.get("depth_unit", METRES),
    }
    if not any(name in content for name in CAMERA_ENTRIES.needed) and otherwise is not None:
        return replace(otherwise(), **depth)
    checked(content, path, CAMERA_ENTRIES, remedy)
    sizes = [int(content[name]) for name in ("width", "height")]
    lengths = [float(content[name]) for name in ("fx", "fy", "cx", "cy")]
    camera = Camera(*sizes, *lengths, **depth)
    check_centre(path, camera)
    check_view(path, camera)
    check_pinhole(path, content)
    return camera


def check_centre(where, camera):
    """Raise InputError, which names `where` it is from, for a camera whose axis meets no pixel of its images."""
    for name, place, side in (("cx", camera.cx, "width"), ("cy", camera.cy, "height")):
        if place > getattr(camera, side):
            raise InputError(
                f"{where} has the principal point outside the image: {name} is {place:g}, {side} "
                f"{getattr(camera, side)}; give all of {_EXPECTED} for one size of image."
            )


# Share of the image that its principal point may be off the middle, along both sides, before it is doubted.
_OFF_MIDDLE = 0.35


def centre_notice(where, camera):
    """Return a sentence that doubts a principal point near a corner of the image, None for another.

    Most such cameras are those of images of another size. A part cut out of a larger image may have it there too.

    Args:
        where: What the camera is from.
        camera: `Camera`.
    """
    across, down = camera.cx / camera.width - 0.5, camera.cy / camera.height - 0.5
    if min(abs(across), abs(down)) <= _OFF_MIDDLE:
        return None
    return (
        f"{where} has its principal point near a corner of the image: cx {camera.cx:g} of {camera.width}, cy "
        f"{camera.cy:g} of {camera.height} pixels. Unless the images are cut out of larger ones, the camera is that of "
        "another size of image; scale fx, fy, cx and cy with it."
    )


def check_view(where, camera):
    """Raise InputError for a field of view that no lens without distortion has, with the likely unit."""
    for focal, centre, side, names in (
        (camera.fx, camera.cx, camera.width, ("fx", "cx", "width")),
        (camera.fy, camera.cy, camera.height, ("fy", "cy", "height")),
    ):
        # Twice the wider half: of focal lengths in another unit the centre may be too.
        view = 2 * degrees(atan(max(centre, side - centre) / focal))
        if view <= _WIDEST:
            continue
        if centre <= 1 < side:
            likely = f"in fractions of the image: multiply {names[0]} and {names[1]} by its {names[2]}"
        elif abs(centre - side / 2) > side / 4:
            likely = f"of another size of image, as {names[1]} is {centre:g}: give all for one size"
        else:
            likely = "in millimetres: divide it by the millimetres of a pixel on the sensor"
        raise InputError(
            f"{where} has a field of view of {view:.0f} degrees ({names[0]} is {focal:g}, {names[2]} {side}); expected "
            f"the focal length in pixels, at most {_WIDEST} degrees. It is likely {likely}."
        )


def check_pinhole(where, content):
    """Raise InputError for entries of distortion or skew that are not 0, whatever they are called."""
    for name, value in _entries(content):
        plain = re.sub("[_-]", "", name.lower())
        numbers = _numbers(value)
        fault = None
        if isinstance(value, str) and _OTHER_LENS.search(value):
            fault = "a lens that is no pinhole"
        elif _DISTORTION.fullmatch(plain) and any(numbers):
            fault = "lens distortion"
        elif _SKEW.fullmatch(plain) and any(numbers):
            fault = "skew"
        elif _MATRIX.fullmatch(plain) and len(numbers) == 9 and (numbers[1] or numbers[3]):
            fault = "skew"
        if fault:
            raise InputError(
                f'{where} has {fault} ("{name}" is {value}), but points are made as a camera without makes them; '
                "expected 0: rectify the images first (OpenCV's initUndistortRectifyMap and remap, by nearest "
                "neighbour), and give the camera of the rectified ones."
            )


def _entries(content):
    """Yield the name and the value of all entries, those of tables within included."""
    for name, value in content.items():
        yield name, value
        if isinstance(value, dict):
            yield from _entries(value)


def _numbers(value):
    """Return the numbers of an entry in their order, those within lists and tables included."""
    if isinstance(value, (dict, list)):
        within = value.values() if isinstance(value, dict) else value
        return [number for one in within for number in _numbers(one)]
    return [value] if isinstance(value, (int, float)) and not isinstance(value, bool) else []


def write_camera(camera, path) -> None:
    """Write a `camera.json`."""
    write_json(path, camera.to_json())
