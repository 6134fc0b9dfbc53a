"""Scenes as the camera would have seen them if it had been turned about its optical axis."""

import numpy as np


def turned(depth, points, angles, camera):
    """Turn scenes of parts alone; what is outside of the turned picture is lost.

    Depth along the optical axis stays what it is when the camera turns about this axis, so that pixels only change
    their places: each takes that of the nearest pixel where it comes from. Points are turned exactly.

    Args:
        depth: Float array `(batch, height, width)` in metres, 0 where no part is.
        points: Float array `(batch, n, 3)` in the frame of the camera.
        angles: `(batch,)`, radians, from x towards y.
        camera: `Camera`.

    Returns:
        (depth, points), of the shapes and types given.
    """
    cos, sin = (function(angles)[:, None, None] for function in (np.cos, np.sin))
    columns, rows = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    x, y = (columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy
    # The ray of each pixel, turned back.
    from_column = np.floor((cos * x + sin * y) * camera.fx + camera.cx).astype(int)
    from_row = np.floor((cos * y - sin * x) * camera.fy + camera.cy).astype(int)
    inside = (from_column >= 0) & (from_column < camera.width) & (from_row >= 0) & (from_row < camera.height)
    scenes = np.arange(len(depth))[:, None, None]
    taken = depth[scenes, from_row.clip(0, camera.height - 1), from_column.clip(0, camera.width - 1)]
    zero, one = np.zeros_like(cos), np.ones_like(cos)
    rotation = np.block([[cos, -sin, zero], [sin, cos, zero], [zero, zero, one]])
    return np.where(inside, taken, 0).astype(depth.dtype), (points @ np.swapaxes(rotation, 1, 2)).astype(
        points.dtype
    )
