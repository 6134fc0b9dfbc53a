"""Depth images as another camera at the same place would see them.

A network is trained on the pictures of one camera. Other intrinsics change where a point is seen, not how far along the
optical axis it is: cameras with one centre and one direction differ by which pixel a ray meets.
"""

import numpy as np


def seen_by(camera, depth, intrinsics):
    """Return depth images `(scenes, camera.height, camera.width)` as a camera sees them, of the type given.

    Each pixel takes the depth of that whose square its ray meets; none is mixed with another. What the images do not
    show is 0. Images of that very camera are returned as they are.

    Args:
        camera: `Camera` to look through.
        depth: Float array `(scenes, height, width)` along z.
        intrinsics: `(scenes, 4)`: fx, fy, cx, cy in pixels of the cameras that these were taken by.
    """
    height, width = depth.shape[1:]
    if (height, width) == (camera.height, camera.width) and (intrinsics == camera.intrinsics).all():
        return depth
    x = (np.arange(camera.width) + 0.5 - camera.cx) / camera.fx
    y = (np.arange(camera.height) + 0.5 - camera.cy) / camera.fy
    seen = np.zeros((len(depth), camera.height, camera.width), depth.dtype)
    for picture, own, (fx, fy, cx, cy) in zip(seen, depth, intrinsics, strict=True):
        columns, rows = np.floor(fx * x + cx).astype(int), np.floor(fy * y + cy).astype(int)
        inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
        taken = own[np.ix_(rows.clip(0, height - 1), columns.clip(0, width - 1))]
        picture[:] = np.where(inside, taken, 0)
    return seen


def share_seen(camera, points):
    """Return the share of points `(scenes, n, 3)` that lie within the picture of a camera, `(scenes,)`."""
    column, row = np.moveaxis(camera.project(points), -1, 0)
    inside = (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
    return inside.mean(-1)
