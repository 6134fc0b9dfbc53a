"""Depth images as somebody's own camera gives them: a block on a floor."""

import json

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 24, 32
FLOOR, TOP = 0.6, 0.55
BLOCK = (slice(8, 14), slice(10, 20))
CAMERA = {"width": WIDTH, "height": HEIGHT, "fx": 40.0, "fy": 42.0, "cx": 15.5, "cy": 12.25}


def block_depth():
    depth = np.full((HEIGHT, WIDTH), FLOOR, np.float32)
    depth[BLOCK] = TOP
    return depth


def write_own_scenes(root, count=2, *, depth=None, masks=False, camera=None):
    """Write `count` scenes of one depth image and return the folder."""
    (root / "depth").mkdir(parents=True)
    (root / "camera.json").write_text(json.dumps(camera or CAMERA))
    depth = block_depth() if depth is None else depth
    for index in range(count):
        np.save(root / "depth" / f"{index:05d}.npy", depth)
        if masks:
            (root / "mask").mkdir(exist_ok=True)
            mask = (depth == TOP).astype(np.uint8)
            Image.fromarray(mask).save(root / "mask" / f"{index:05d}.png")
    return root
