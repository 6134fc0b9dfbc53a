"""Cameras by image: a `scene_camera.json`, as BOP datasets have it, beside the images of one's own too."""

from dataclasses import replace

from tfapp.errors import InputError
from tfapp.pose.scenes.camera import (
    DEPTH_ENTRIES,
    LENS_ENTRIES,
    METRES,
    Camera,
    check_centre,
    check_pinhole,
    check_view,
)
from tfapp.records import Entries, ListOf, Number, TableOf, checked, read_record

IMAGE_CAMERAS = "scene_camera.json"
# OpenCV, and with it BOP, counts from the centre of the first pixel, a `Camera` from the corner of the picture.
_CORNER = 0.5
_OF_BOP = Entries({"cam_K": ListOf(Number(), 9)}, {"depth_scale": DEPTH_ENTRIES["depth_scale"]})
_LENS = Entries(LENS_ENTRIES, DEPTH_ENTRIES)
_EXPECTED = (
    'expected {"cam_K": [9 numbers, row by row], "depth_scale"} or {"fx", "fy", "cx", "cy"} of each image'
)


def read_image_cameras(path, stems, size, usual=None):
    """Return the `Camera` of each image, by the image's name.

    Args:
        path: JSON file of an entry for each image, under its name without suffix, or under its number where that is
            one (`3` for 000003.png). An entry has `cam_K`, the matrix K row by row as OpenCV counts pixels (the centre
            of the first one is 0), or `fx`, `fy`, `cx` and `cy` as `Camera` counts them. With either `depth_scale`.
        stems: Names of the images without suffix.
        size: Width and height of the images in pixels.
        usual: `Camera` of images that the file does not name; None if it must name all.

    Raises:
        InputError: The file is missing or damaged, an image has no entry, an entry no image where `usual` is given, or
            a camera is none of a pinhole with a field of view below 150 degrees.
    """
    content = read_record(path, TableOf(Entries()), f"{_EXPECTED}.")
    cameras = {}
    for stem in stems:
        name = stem if stem in content else _number(stem)
        if name in content:
            cameras[stem] = image_camera(content.pop(name), f"{path}, image {name},", size, usual)
        elif usual is None:
            raise InputError(f"{path} has no entry of the image {name}; {_EXPECTED}.")
        else:
            cameras[stem] = usual
    if usual is not None and content:
        raise InputError(
            f"{path} has an entry {next(iter(content))!r}, but no depth image has this name; correct or remove it."
        )
    return cameras


def image_camera(entry, where, size, usual=None):
    """Return the `Camera` of one entry; arguments as for `read_image_cameras`, `where` names it in errors."""
    kind = _OF_BOP if "cam_K" in entry else _LENS
    checked(entry, where, kind, f"{_EXPECTED}.")
    scale = float(entry.get("depth_scale", 1.0 if usual is None else usual.depth_scale))
    unit = entry.get("depth_unit", METRES if usual is None else usual.depth_unit)
    if kind is _LENS:
        camera = Camera(*size, *(float(entry[name]) for name in LENS_ENTRIES), scale, unit)
        check_centre(where, camera)
    else:
        matrix = [float(number) for number in entry["cam_K"]]
        focal, last_row = (matrix[0], matrix[4]), matrix[6:]
        if min(focal) <= 0 or last_row != [0, 0, 1]:
            raise InputError(
                f'{where} has "cam_K" {matrix}; expected [fx, 0, cx, 0, fy, cy, 0, 0, 1] with focal lengths above 0.'
            )
        # The axis of a picture that was cut out of another may lie outside of it.
        camera = Camera(*size, *focal, matrix[2] + _CORNER, matrix[5] + _CORNER, scale, unit)
    check_view(where, camera)
    check_pinhole(where, entry)
    return camera


def common_camera(cameras):
    """Return the `Camera` that sees all that these see, in pictures of their size.

    Of equal ones it is that one. It is what a network looks through at scenes whose cameras differ.
    """
    first = cameras[0]
    if all(camera == first for camera in cameras):
        return first
    if all((camera.intrinsics == first.intrinsics).all() for camera in cameras):
        return replace(first, depth_scale=1.0, depth_unit=METRES)
    # The axis stays in the picture, as `camera.json` asks for.
    left = min(-_LEAST_FIELD, *(-camera.cx / camera.fx for camera in cameras))
    right = max(_LEAST_FIELD, *((camera.width - camera.cx) / camera.fx for camera in cameras))
    top = min(-_LEAST_FIELD, *(-camera.cy / camera.fy for camera in cameras))
    bottom = max(_LEAST_FIELD, *((camera.height - camera.cy) / camera.fy for camera in cameras))
    fx, fy = first.width / (right - left), first.height / (bottom - top)
    return replace(first, fx=fx, fy=fy, cx=-left * fx, cy=-top * fy, depth_scale=1.0, depth_unit=METRES)


_LEAST_FIELD = 1e-3


def _number(stem):
    return str(int(stem)) if stem.isascii() and stem.isdigit() else stem
