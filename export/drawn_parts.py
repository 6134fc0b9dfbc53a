"""Depth images of an object model, drawn for the requests that check an export."""

import numpy as np

# Places that are tried for a part which shall not lie over another one.
_TRIES = 200
# Parts lie apart by so many of their widths, if there is room.
_APART = 1.1


def drawn_parts(points, camera, distance, count, seed=0):
    """Return depth float32 `(height, width)` in metres of parts at random poses, 0 where none is.

    Each point covers so many pixels that neighbours touch; the nearest one is seen.

    Args:
        points: `(m, 3)`, metres.
        camera: Dict of `width`, `height`, `fx`, `fy`, `cx`, `cy` in pixels.
        distance: Metres from the camera to the middle of the parts.
        count: Number of parts.
        seed: The same image for the same arguments.
    """
    rng = np.random.default_rng([seed, camera["height"], camera["width"]])
    middle = points - points.mean(0)
    width = 2 * np.linalg.norm(middle, axis=1).max()
    covered = _spacing(middle)
    depth = np.full((camera["height"], camera["width"]), np.inf)
    for place in _places(camera, distance, width, count, rng):
        _draw(depth, middle @ _random_rotation(rng).T + place, camera, covered)
    return np.where(np.isfinite(depth), depth, 0).astype(np.float32)


def _places(camera, distance, width, count, rng):
    """Return the middles of parts, `(count, 3)` in metres: inside the image, and apart where there is room."""
    size = np.array([camera["width"], camera["height"]])
    focal, centre = (np.array([camera[a], camera[b]]) for a, b in (("fx", "fy"), ("cx", "cy")))
    border = np.minimum(width / 2, 0.45 * (size * distance / focal))
    low, high = -centre * distance / focal + border, (size - centre) * distance / focal - border
    chosen = np.empty((0, 2))
    for _ in range(count):
        tried = rng.uniform(low, high, (_TRIES, 2))
        away = np.linalg.norm(tried[:, None] - chosen, axis=-1).min(1, initial=_APART * width)
        chosen = np.concatenate([chosen, tried[[away.argmax()]]])
    return np.column_stack([chosen, np.full(count, distance)])


def _draw(depth, cloud, camera, covered):
    """Lower `depth` to the points of `cloud` `(m, 3)`, each over all pixels whose middles it covers."""
    height, width = depth.shape
    ahead = cloud[cloud[:, 2] > covered]
    column = camera["fx"] * ahead[:, 0] / ahead[:, 2] + camera["cx"]
    row = camera["fy"] * ahead[:, 1] / ahead[:, 2] + camera["cy"]
    reach = max(camera["fx"], camera["fy"]) * covered / ahead[:, 2].min(initial=np.inf)
    pixels = int(np.ceil(max(reach, 0.5)))
    for down in range(-pixels, pixels + 1):
        for along in range(-pixels, pixels + 1):
            at_row, at_column = np.floor(row).astype(int) + down, np.floor(column).astype(int) + along
            near = np.maximum(np.abs(at_row + 0.5 - row), np.abs(at_column + 0.5 - column)) <= max(reach, 0.5)
            inside = near & (at_row >= 0) & (at_row < height) & (at_column >= 0) & (at_column < width)
            np.minimum.at(depth, (at_row[inside], at_column[inside]), ahead[inside, 2])


def _spacing(points):
    """Return about how far neighbouring points are from each other, metres: a median over some."""
    some = points[:: max(1, len(points) // 200)]
    away = np.linalg.norm(some[:, None] - points, axis=-1)
    away.sort(-1)
    return float(np.median(away[:, min(1, away.shape[1] - 1)]))


def _random_rotation(rng):
    """Return a rotation `(3, 3)`, uniform: of a quaternion of normal numbers (K. Shoemake, 1992)."""
    w, x, y, z = (one := rng.normal(size=4)) / np.linalg.norm(one)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
