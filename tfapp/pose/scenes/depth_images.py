"""Readers of depth images: .npy, PNG and TIFF, EXR, and point clouds of a depth camera."""

from pathlib import Path

import numpy as np

from tfapp.archives import DAMAGED, read_array
from tfapp.data.opening import check_pixels, open_image, unreadable, upright_size
from tfapp.errors import InputError
from tfapp.files import check_regular_file
from tfapp.pose.libraries import import_openexr
from tfapp.pose.scenes.camera import METRES, UNITS
from tfapp.pose.scenes.lattice import depth_on_pixels, facing
from tfapp.pose.scenes.point_clouds import CLOUD_SUFFIXES, read_cloud

# No depth camera sees a part this far away.
_FARTHEST = 100.0
# Renderers write 65504 (the largest half float) or 1e10 where there is nothing, cameras the largest of 16 bits.
_NOTHING = 65504
_NOTHING_16_BIT = 65535
# Metres between which half of a picture of parts lies on either side; beyond them the unit is another one.
_USUAL = (0.01, 10.0)
# From this median on, numbers are rather millimetres than centimetres.
_MILLIMETRES = 100.0
_EXR_CHANNELS = ("Z", "Depth.Z", "ViewLayer.Depth.Z", "Depth.V", "ViewLayer.Depth.V", "V", "Y", "R", "RGB")


def read_depth(path, depth_scale=1.0, depth_unit=METRES, camera=None):
    """Read a depth image as float32 (height, width) in metres along z; 0 where nothing was measured.

    Args:
        path: .npy with floats; .png or .tif of 16 bits or more; .tif or .exr with floats (.exr: channel Z, V, Y or R);
            or a point cloud, .pcd or .ply, whose points lie on the pixels of its camera. What cameras and renderers
            write for nothing is left out: 0, negative, NaN, infinity, 65535 of whole numbers, 65504 and more of
            floats.
        depth_scale: Millimetres that one step of whole numbers stands for.
        depth_unit: Unit of floats and of point clouds, a name of `UNITS`.
        camera: `Camera` of a point cloud; not needed for others, nor for an organised cloud, which tells its own.

    Raises:
        InputError: The file is missing, damaged, no depth image, in other units, or nothing in it was measured; points
            of a cloud lie on no pixels, or on those of another camera.
    """
    path = Path(path)
    kind = _checked_suffix(path)
    if kind in CLOUD_SUFFIXES:
        cloud = read_cloud(path)
        points = facing(cloud.points) * UNITS[depth_unit]
        _check_depths(path, points[:, 2], False, depth_scale, depth_unit)
        return _without_far(path, depth_on_pixels(path, points, cloud.size, camera))
    values, whole = _READERS[kind](path)
    if values.ndim != 2:
        raise InputError(f"{path} has the shape {values.shape}; expected one depth a pixel: (height, width).")
    if whole:
        depth = np.where(values == _NOTHING_16_BIT, 0, values).astype(np.float32) * np.float32(
            depth_scale / 1000
        )
    elif depth_unit == METRES:
        depth = values
    else:
        # What renderers write for nothing has no unit.
        depth = np.where(values < _NOTHING, values * UNITS[depth_unit], values)
    _check_depths(path, depth, whole, depth_scale, depth_unit)
    return _without_far(path, depth)


def depth_size(path):
    """Return (width, height) of a depth image in pixels, by its header alone where it is a picture.

    Raises:
        InputError: As `read_depth`; or it is a point cloud that is not organised, which has no size.
    """
    path = Path(path)
    kind = _checked_suffix(path)
    if kind in _PICTURES:
        with open_image(path, load=False) as image:
            height, width = upright_size(path, image)
        return width, height
    if kind in CLOUD_SUFFIXES:
        cloud = read_cloud(path)
        if cloud.size is None:
            raise InputError(
                f"{path} is a point cloud without rows and columns; its size is that of its camera."
            )
        return cloud.size
    height, width = _READERS[kind](path)[0].shape[:2]
    return width, height


def holds_whole_numbers(path):
    """Return whether a depth image holds whole numbers, and not floats: by its suffix, a TIFF by its header.

    Raises:
        InputError: It is a TIFF that cannot be opened.
    """
    kind = path.suffix.lower()
    if kind not in _TIFFS:
        return kind == ".png"
    with open_image(path, load=False) as image:
        return image.mode != "F"


def check_values(path):
    """Raise InputError as `read_depth` does if a file is damaged or holds another kind of numbers than is read."""
    if (kind := path.suffix.lower()) in _READERS:
        _READERS[kind](path)


def _checked_suffix(path):
    kind = path.suffix.lower()
    if kind not in DEPTH_SUFFIXES:
        raise InputError(f"{path} is not a depth image; expected one of {', '.join(DEPTH_SUFFIXES)}.")
    check_regular_file(path, "a depth image")
    if not path.is_file():
        raise InputError(f"Depth image {path} does not exist.")
    return kind


def _check_depths(path, depth, whole, depth_scale, depth_unit):
    """Raise InputError if nothing was measured, or half of what was is no distance of parts in metres."""
    found = np.isfinite(depth) & (depth > 0)
    if not found.any():
        raise InputError(f"{path} has no measured pixel: every value is 0, negative, NaN or infinite.")
    found &= depth < _NOTHING
    if found.any():
        _check_unit(path, depth[found], whole, depth_scale, depth_unit)


def _without_far(path, depth):
    measured = np.isfinite(depth) & (depth > 0) & (depth < _FARTHEST)
    if not measured.any():
        raise InputError(f"{path} has no measured pixel: every value is what renderers write for nothing.")
    return np.where(measured, depth, 0).astype(np.float32)


def _check_unit(path, depths, whole, depth_scale, depth_unit):
    median = float(np.median(depths))
    if _USUAL[0] <= median <= _USUAL[1]:
        return
    seen = f"{path} has depths from {depths.min():g} to {depths.max():g} m, half of them"
    side = f"{'beyond' if median > _USUAL[1] else 'nearer than'} {median:g}"
    if whole:
        raise InputError(
            f"{seen} {side}; expected {_USUAL[0]:g} to {_USUAL[1]:g} m: camera.json must say by "
            f'"depth_scale" how many millimetres a step of its pictures is (now {depth_scale:g}); where '
            "scene_camera.json gives the cameras, it says so."
        )
    if depth_unit != METRES:
        raise InputError(
            f'{seen} {side}; expected {_USUAL[0]:g} to {_USUAL[1]:g} m: correct "depth_unit", which is {depth_unit}, '
            "in camera.json."
        )
    if median < _USUAL[0]:
        raise InputError(
            f"{seen} nearer than {median:g}; expected metres, as distances along the optical axis."
        )
    unit, factor, name = ("millimetres", 1000, "mm") if median >= _MILLIMETRES else ("centimetres", 100, "cm")
    raise InputError(
        f"{path} has depths of {depths.min():g} and more; expected metres: divide {unit} by {factor}, or say "
        f'"depth_unit": "{name}" in camera.json.'
    )


def _read_npy(path):
    try:
        depth = read_array(path)
    except DAMAGED as error:
        raise unreadable(path, error, "a plain .npy array") from None
    if not isinstance(depth, np.ndarray) or not np.issubdtype(depth.dtype, np.floating):
        found = f"{path} does not hold an array of floats"
        if isinstance(depth, np.ndarray) and np.issubdtype(depth.dtype, np.integer):
            raise InputError(
                f"{found} but of whole numbers ({depth.dtype}); expected depth in metres: save it as a 16-bit PNG with "
                '"depth_scale" in camera.json, the millimetres of one step, if that is not 1; or as floats in metres.'
            )
        raise InputError(f"{found}; expected depth in metres.")
    check_pixels(path, depth.size)
    return np.array(depth), False


def _read_png(path):
    with open_image(path, "a PNG file") as image:
        if not image.mode.startswith("I"):
            raise InputError(
                f"{path} is a picture of mode {image.mode}; expected a 16-bit grey PNG of millimetres"
                f"{_VIEWERS if image.mode.startswith(('RGB', 'P')) else ''}."
            )
        return np.asarray(image), True


_VIEWERS = (
    ": colours are no distances (RealSense Viewer, rs-convert: their .png are for looking at; write the 16 bits by a "
    "program of your own, or export .ply)"
)


def _read_tiff(path):
    with open_image(path) as image:
        if image.mode == "F" or image.mode.startswith("I"):
            return np.asarray(image), image.mode != "F"
        raise InputError(
            f"{path} is a picture of mode {image.mode}; expected grey with 16 bits of millimetres, or with 32-bit "
            "floats of metres."
        )


def _read_exr(path):
    openexr = import_openexr()
    try:
        with openexr.File(str(path)) as file:
            channels = {name: channel.pixels for name, channel in file.channels().items()}
    except (RuntimeError, OSError, ValueError) as error:
        raise unreadable(path, error, "an EXR file") from None
    name = next((name for name in _EXR_CHANNELS if name in channels), None)
    if name is None:
        raise InputError(f"{path} has the channels {', '.join(channels)}; expected depth in Z, V, Y or R.")
    pixels = channels[name].astype(np.float32)
    return pixels[..., 0] if pixels.ndim == 3 else pixels, False


_TIFFS = (".tif", ".tiff")
_PICTURES = {".png": _read_png, **dict.fromkeys(_TIFFS, _read_tiff)}
_READERS = {".npy": _read_npy, ".exr": _read_exr, **_PICTURES}
DEPTH_SUFFIXES = (".npy", ".png", ".exr", ".tif", ".tiff", *CLOUD_SUFFIXES)
