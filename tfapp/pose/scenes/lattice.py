"""Lattice of pixels that the points of a depth camera lie on: x / z and y / z are those of its rays.

A pinhole camera measures the point of pixel (column, row) at x / z = (column + 0.5 - cx) / fx, and y / z likewise.
Points that were moved or turned, or mixed of several pixels, lie on no lattice.
"""

import numpy as np

from tfapp.errors import InputError
from tfapp.pose.scenes.camera import Camera, check_view

# What numbers of half precision leave is .13 of a pixel; points that are uniformly distributed are beyond for a half.
_OFF = 0.25
# Share of the points that may lie farther from their pixels.
_STRAY = 0.05
_HOW_TO_EXPORT = (
    "export the points in the frame of the depth camera, not moved, turned, smoothed or aligned to colour, or write "
    "the depth as 16-bit .png or float .npy"
)


def facing(points):
    """Return points (n, 3) with z forward and y down, from a file that may have z backward and y up.

    That is how RealSense Viewer and other programs for pictures write them: then nearly all z are negative.
    """
    z = points[:, 2]
    measured = z[np.isfinite(z) & (z != 0)]
    return points * [1, -1, -1] if len(measured) and np.median(measured) < 0 else points


def depth_on_pixels(where, points, size=None, camera=None):
    """Return the depth that a cloud is, float64 (height, width) in metres; 0 where there is no point.

    Args:
        where: What the cloud is called in errors.
        points: (n, 3) in metres, z forward and y down; NaN, and z of 0 or less, are no points.
        size: (width, height) of an organised cloud.
        camera: Its `Camera`; None if an organised cloud tells it.

    Raises:
        InputError: There is no camera, the points lie on no pixels of it, or beyond its picture.
    """
    if camera is None and size is None:
        raise without_camera(where, [points])
    if camera is None:
        camera = organised_camera(where, points, size)
    places = pixels_of(points, camera)
    depth, (x, y) = points[_measured(points), 2], places.T
    column, row = np.round(x), np.round(y)
    off = np.maximum(np.abs(x - column), np.abs(y - row))
    if (off > _OFF).mean() > _STRAY:
        raise InputError(
            f"{where} is a point cloud that does not lie on the pixels of its camera (fx {camera.fx:g}, fy "
            f"{camera.fy:g}, cx {camera.cx:g}, cy {camera.cy:g}): half of the points are more than "
            f"{np.median(off):.2f} pixels off. cx and cy count from the corner of the picture (OpenCV's + 0.5); if the "
            f"camera is right, {_HOW_TO_EXPORT}."
        )
    inside = (column >= 0) & (row >= 0) & (column < camera.width) & (row < camera.height)
    if not inside.all():
        raise InputError(
            f"{where} has {(~inside).sum()} of {len(inside)} points beyond the picture of its camera, columns "
            f"{column.min():.0f} to {column.max():.0f} and rows {row.min():.0f} to {row.max():.0f} of "
            f"{camera.width}x{camera.height} pixels; give the camera of these points."
        )
    picture = np.zeros((camera.height, camera.width))
    # The nearest of a pixel is written last.
    order = np.argsort(-depth, kind="stable")
    picture[row.astype(int)[order], column.astype(int)[order]] = depth[order]
    return picture


def pixels_of(points, camera):
    """Return float64 (k, 2): column and row, 0 at the centre of the first pixel, of the points in front of a camera."""
    found = points[_measured(points)]
    return camera.project(found) - 0.5


def organised_camera(where, points, size):
    """Return the `Camera` of an organised cloud, by least squares over its points.

    Args:
        where, points: As for `depth_on_pixels`.
        size: (width, height).

    Raises:
        InputError: The cloud has points of fewer than two rows or columns, or is no pinhole's.
    """
    width, height = size
    measured = _measured(points)
    rows, columns = np.divmod(np.flatnonzero(measured), width)
    lenses = []
    for axis, places in ((0, columns), (1, rows)):
        ratio = points[measured, axis] / points[measured, 2]
        if places.min(initial=0) == places.max(initial=0):
            raise InputError(f"{where} shows points of one row or column only, which tell no camera.")
        (slope, start), *_ = np.linalg.lstsq(
            np.stack([places + 0.5, np.ones_like(ratio)], 1), ratio, rcond=None
        )
        off = np.abs((ratio - start) / slope - places - 0.5) if slope else np.full(1, np.inf)
        lies = (off > _OFF).mean() <= _STRAY
        if lies and slope < 0:
            name, way = (("x", "left to right"), ("y", "top to bottom"))[axis]
            raise InputError(
                f"{where} is mirrored: {name} falls from {way}, where x grows to the right and y downwards before a "
                f"camera that looks along z; write the points with the other sign of {name}."
            )
        if not lies:
            raise InputError(
                f"{where} says that its points are {width}x{height} pixels row by row, but x / z and y / z do not grow "
                f"evenly along them as those of a pinhole camera do; {_HOW_TO_EXPORT}."
            )
        lenses.append((1 / slope, -start / slope))
    (fx, cx), (fy, cy) = lenses
    camera = Camera(width, height, *(round(float(one), 4) for one in (fx, fy, cx, cy)))
    check_view(where, camera)
    return camera


def lattice_camera(clouds):
    """Return the `Camera` whose pixels clouds of one depth camera lie on, None if there is none.

    Focal lengths are found; where the axis meets the picture is known up to whole pixels, and the picture is as large
    as the clouds need: both shift it and change no point.

    Args:
        clouds: List of points (n, 3) in metres, z forward and y down.
    """
    clouds = [points[_measured(points)] for points in clouds]
    ratios = [points[:, :2] / points[:, 2:] for points in clouds]
    found = []
    for axis in range(2):
        ratio = np.concatenate([one[:, axis] for one in ratios])
        focal = _spacing(ratio)
        if focal is None:
            return None
        shift = np.angle(np.mean(np.exp(2j * np.pi * focal * ratio))) / (2 * np.pi)
        every = ratio * focal
        # The axis lies in the picture, as `camera.json` asks for.
        low, high = min(every.min(), 0), max(every.max(), 0)
        # The centres of pixels are whole numbers and a half from the corner.
        centre = np.ceil(1 - low) + (0.5 - shift) % 1
        found.append((focal, centre, int(np.ceil(centre + high)) + 1))
    (fx, cx, width), (fy, cy, height) = found
    return Camera(width, height, *(round(float(one), 3) for one in (fx, fy, cx, cy)))


def _measured(points):
    return np.isfinite(points).all(1) & (points[:, 2] > 0)


def without_camera(where, clouds):
    """Return the InputError for clouds that have neither a camera nor rows and columns; it says which may be theirs.

    Args:
        where: What lacks it.
        clouds: As for `lattice_camera`.
    """
    camera = lattice_camera(clouds)
    if camera is None:
        return InputError(
            f"{where}: these point clouds need a camera, and their points lie on the pixels of none; {_HOW_TO_EXPORT}."
        )
    lens = ", ".join(f'"{name}": {getattr(camera, name):g}' for name in _LENS)
    return InputError(
        f"{where} does not exist, and point clouds without rows and columns need it; these lie on the pixels of "
        f"{{{lens}}}: write that, or what the camera itself says, into camera.json."
    )


_LENS = ("width", "height", "fx", "fy", "cx", "cy")
# Focal lengths in pixels that are looked for, and the fewest pixels that a cloud must reach over.
_LONGEST, _FEWEST = 8000, 20
_OVERSAMPLED = 4
# How well points of a lattice keep step with it, 1 at best; noise of a tenth of a pixel leaves .82.
_IN_STEP = 0.7


def _spacing(ratios):
    """Return the focal length f for which numbers (n,) are whole multiples of 1 / f beside one offset, or None.

    The numbers keep step with f, and with its multiples: the smallest of them is meant.
    """
    span = np.ptp(ratios)
    if not span > 0:
        return None
    step = 1 / (_OVERSAMPLED * _LONGEST)
    bins = np.bincount(((ratios - ratios.min()) / step).astype(np.int64))
    if len(bins) > 2**22:
        return None
    length = 2 ** int(np.ceil(np.log2(8 * len(bins))))
    strength = np.abs(np.fft.rfft(bins, length)) / len(ratios)
    focals = np.arange(len(strength)) / (length * step)
    peaks = np.flatnonzero(
        (strength[1:-1] >= _IN_STEP)
        & (strength[1:-1] >= strength[:-2])
        & (strength[1:-1] >= strength[2:])
        & (focals[1:-1] > _FEWEST / span)
        & (focals[1:-1] < _LONGEST)
    )
    if not len(peaks):
        return None
    best, reach = focals[1 + peaks[0]], 1 / (8 * span)
    for _ in range(4):
        tried = best + np.linspace(-reach, reach, 17)
        best = tried[np.argmax([abs(np.mean(np.exp(2j * np.pi * focal * ratios))) for focal in tried])]
        reach /= 8
    return float(best)
