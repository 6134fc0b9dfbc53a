"""Readers of depth images: .npy, 16-bit PNG, and EXR."""

from pathlib import Path

import numpy as np

from tfapp.archives import DAMAGED, read_array
from tfapp.data.opening import check_pixels, open_image, unreadable
from tfapp.errors import InputError
from tfapp.files import check_regular_file
from tfapp.pose.libraries import import_openexr

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


def read_depth(path, depth_scale=1.0):
    """Read a depth image as float32 (height, width) in metres along z; 0 where nothing was measured.

    Args:
        path: .npy with floats in metres, .png with 16 bits, or .exr with floats in metres (channel Z, V, Y or R). What
            cameras and renderers write for nothing is left out: 0, negative, NaN, infinity, 65535 of 16 bits, 65504 and
            more of floats.
        depth_scale: Millimetres that one step of a .png stands for.

    Raises:
        InputError: The file is missing, damaged, no depth image, in other units, or nothing in it was measured.
    """
    path = Path(path)
    if path.suffix.lower() not in _READERS:
        raise InputError(f"{path} is not a depth image; expected one of {', '.join(_READERS)}.")
    check_regular_file(path, "a depth image")
    if not path.is_file():
        raise InputError(f"Depth image {path} does not exist.")
    depth = _READERS[path.suffix.lower()](path, depth_scale)
    if depth.ndim != 2:
        raise InputError(f"{path} has the shape {depth.shape}; expected one depth a pixel: (height, width).")
    found = np.isfinite(depth) & (depth > 0)
    if not found.any():
        raise InputError(f"{path} has no measured pixel: every value is 0, negative, NaN or infinite.")
    found &= depth < _NOTHING
    if found.any():
        _check_unit(path, depth[found], depth_scale)
    measured = found & (depth < _FARTHEST)
    if not measured.any():
        raise InputError(f"{path} has no measured pixel: every value is what renderers write for nothing.")
    return np.where(measured, depth, 0).astype(np.float32)


def _check_unit(path, depths, depth_scale):
    """Raise InputError, which names the likely unit, if half of the depths are no distances of parts in metres."""
    median, is_png = float(np.median(depths)), path.suffix.lower() == ".png"
    if _USUAL[0] <= median <= _USUAL[1]:
        return
    seen = f"{path} has depths from {depths.min():g} to {depths.max():g} m, half of them"
    if is_png:
        raise InputError(
            f"{seen} {'beyond' if median > _USUAL[1] else 'nearer than'} {median:g}; expected {_USUAL[0]:g} to "
            f'{_USUAL[1]:g} m: camera.json must say by "depth_scale" how many millimetres a step of its pictures is '
            f"(now {depth_scale:g})."
        )
    if median < _USUAL[0]:
        raise InputError(
            f"{seen} nearer than {median:g}; expected metres, as distances along the optical axis."
        )
    unit, factor = ("millimetres", 1000) if median >= _MILLIMETRES else ("centimetres", 100)
    raise InputError(
        f"{path} has depths of {depths.min():g} and more; expected metres: divide {unit} by {factor}."
    )


def _read_npy(path, depth_scale):
    del depth_scale
    try:
        depth = read_array(path)
    except DAMAGED as error:
        raise unreadable(path, error, "a plain .npy array") from None
    if not isinstance(depth, np.ndarray) or not np.issubdtype(depth.dtype, np.floating):
        raise InputError(f"{path} does not hold an array of floats; expected depth in metres.")
    check_pixels(path, depth.size)
    return np.array(depth)


def _read_png(path, depth_scale):
    with open_image(path, "a PNG file") as image:
        if not image.mode.startswith("I"):
            raise InputError(
                f"{path} is a picture of mode {image.mode}; expected a 16-bit grey PNG of millimetres."
            )
        steps = np.asarray(image)
        return np.where(steps == _NOTHING_16_BIT, 0, steps).astype(np.float32) * np.float32(
            depth_scale / 1000
        )


def _read_exr(path, depth_scale):
    del depth_scale
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
    return pixels[..., 0] if pixels.ndim == 3 else pixels


_READERS = {".npy": _read_npy, ".png": _read_png, ".exr": _read_exr}
DEPTH_SUFFIXES = tuple(_READERS)
