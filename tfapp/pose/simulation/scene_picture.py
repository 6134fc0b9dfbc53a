"""A sheet of the first scenes of a folder: the depth as a shaded surface, and beside it the instances."""

import numpy as np
from PIL import Image

from tfapp.report.colours import BLUE, GREEN, ORANGE, PURPLE, RED, SKY, YELLOW, rgb
from tfapp.report.figures import save_image

_COLUMNS, _GAP = 4, 6
_LIGHT = np.array([-0.4, -0.5, -0.77])
_NOTHING = np.array([30, 34, 42])
_NEAR, _FAR = np.array([255, 244, 224]), np.array([176, 190, 206])
_COLOURS = np.array([rgb(colour) for colour in (ORANGE, SKY, GREEN, YELLOW, BLUE, RED, PURPLE)])


def save_scenes_png(folder, path, count=8) -> None:
    """Write the sheet as PNG: pairs of pictures, shaded depth and coloured instances (or the foreground).

    Args:
        folder: `SceneFolder`.
        path: File to write.
        count: Scenes on the sheet, at most.
    """
    pairs = [_pair(folder, index) for index in range(min(count, len(folder)))]
    save_image(Image.fromarray(_sheet(pairs)), path)


def _pair(folder, index):
    depth = folder.depth(index)
    shade = _shade(folder.camera, depth)
    grey = _height_colours(depth)
    labels = folder.labels(index) if folder.has_truth else folder.mask(index).astype(int)
    tint = np.where(labels[..., None] > 0, _COLOURS[(labels - 1) % len(_COLOURS)], 0.45 * grey)
    pictures = [np.where(depth[..., None] > 0, shade * colours, _NOTHING) for colours in (grey, tint)]
    pair = np.concatenate([pictures[0], np.full((len(depth), 2, 3), 255), pictures[1]], axis=1)
    times = max(1, round(160 / folder.camera.height))
    return pair.clip(0, 255).astype(np.uint8).repeat(times, axis=0).repeat(times, axis=1)


def _shade(camera, depth):
    """Return (height, width, 1): how bright a matt surface is that a lamp beside the camera shines on."""
    points = camera.rays() * depth[..., None]
    down, right = np.gradient(points, axis=(0, 1))
    normals = np.cross(down, right)
    lengths = np.linalg.norm(normals, axis=-1, keepdims=True)
    facing = normals / np.maximum(lengths, 1e-12) @ (_LIGHT / np.linalg.norm(_LIGHT))
    return 0.3 + 0.7 * facing.clip(0, 1)[..., None]


def _height_colours(depth):
    """Return (height, width, 3): from cold to warm what is far to what is near, of what was measured."""
    low, high = np.quantile(depth[depth > 0], (0.01, 0.99))
    far = ((depth - low) / max(high - low, 1e-9)).clip(0, 1)[..., None]
    return far * _FAR + (1 - far) * _NEAR


def _sheet(pairs):
    height, width = pairs[0].shape[:2]
    columns = min(_COLUMNS, len(pairs))
    rows = -(-len(pairs) // columns)
    sheet = np.full((rows * (height + _GAP) + _GAP, columns * (width + _GAP) + _GAP, 3), 255, np.uint8)
    for index, pair in enumerate(pairs):
        top, left = (
            _GAP + place * (side + _GAP)
            for place, side in zip(divmod(index, columns), (height, width), strict=True)
        )
        sheet[top : top + height, left : left + width] = pair
    return sheet
