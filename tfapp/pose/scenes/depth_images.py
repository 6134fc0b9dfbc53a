"""Readers of depth images: .npy, 16-bit PNG, and EXR."""

from pathlib import Path

import numpy as np

from tfapp.data.opening import check_pixels, open_image, unreadable
from tfapp.errors import InputError
from tfapp.pose.libraries import import_openexr

# Renderers write 65504 or 1e10 where there is nothing; no depth camera sees a part this far away.
_FARTHEST = 100.0
# Depth cameras see parts from 0.1 m to some metres: where even the nearest is farther, it is in centimetres.
_FARTHEST_NEAREST = 10.0
# The largest number of 16 bits: what cameras write where they saw nothing, or more than it can say.
_NOTHING = 65535
_EXR_CHANNELS = ("Z", "Depth.Z", "ViewLayer.Depth.Z", "Depth.V", "ViewLayer.Depth.V", "V", "Y", "R", "RGB")


def read_depth(path, depth_scale=1.0):
    """Read a depth image as float32 (height, width) in metres along z; 0 where nothing was measured.

    Args:
        path: .npy with floats in metres, .png with 16 bits, or .exr with floats in metres (channel Z, V, Y or R).
        depth_scale: Millimetres that one step of a .png stands for.

    Raises:
        InputError: The file is missing, damaged, no depth image, in other units, or nothing in it was measured.
    """
    path = Path(path)
    if path.suffix.lower() not in _READERS:
        raise InputError(f"{path} is not a depth image; expected one of {', '.join(_READERS)}.")
    if not path.is_file():
        raise InputError(f"Depth image {path} does not exist.")
    depth = _READERS[path.suffix.lower()](path, depth_scale)
    if depth.ndim != 2:
        raise InputError(f"{path} has the shape {depth.shape}; expected one depth a pixel: (height, width).")
    found = np.isfinite(depth) & (depth > 0)
    if not found.any():
        raise InputError(f"{path} has no measured pixel: every value is 0, negative, NaN or infinite.")
    measured = found & (depth < _FARTHEST)
    if not measured.any():
        raise InputError(
            f"{path} has depths of {depth[found].min():g} and more; expected metres: divide millimetres by 1000."
        )
    nearest, farthest = depth[measured].min(), depth[measured].max()
    if nearest > _FARTHEST_NEAREST:
        raise InputError(
            f"{path} has depths of {nearest:g} to {farthest:g}; expected metres: divide centimetres by 100, or set the "
            "depth_scale of camera.json for .png."
        )
    return np.where(measured, depth, 0).astype(np.float32)


def _read_npy(path, depth_scale):
    del depth_scale
    try:
        # Mapped, so that the size that its header claims is compared with that of the file before any memory is taken.
        depth = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
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
        return np.where(steps == _NOTHING, 0, steps).astype(np.float32) * np.float32(depth_scale / 1000)


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
