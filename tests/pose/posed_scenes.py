"""Scenes of flat squares in front of a camera, for tests of the pose model: no simulator needed."""

import numpy as np
from PIL import Image

from tfapp.pose.config import PoseConfig
from tfapp.pose.scenes.camera import Camera, write_camera

CAMERA = Camera(32, 32, 40.0, 40.0, 16.0, 16.0)
SETTINGS = {
    "camera": {"width": 32, "height": 32, "fx": 40.0, "fy": 40.0, "cx": 16.0, "cy": 16.0},
    "centre": (0.0, 0.0, 0.6),
    "unit": 0.1,
    "instances": 2,
    "points": 24,
    "hypotheses": 1,
    "size": 32,
}
# Of the training that tests share: two batches in each of three epochs, two of eight scenes held out.
CONFIG = PoseConfig(
    instances=2,
    points=24,
    observed=30,
    size=32,
    hypotheses=2,
    epochs=3,
    batch_size=3,
    decay_epochs=1,
    held_out=0.25,
)


def squares(count, instances=2, points=40, seed=0):
    """Return depth (count, 32, 32) and points (count, points, 3) of squares of 4x4 pixels side by side."""
    rng = np.random.default_rng(seed)
    depth = np.zeros((count, CAMERA.height, CAMERA.width), np.float32)
    drawn = np.zeros((count, points, 3), np.float32)
    for scene in range(count):
        for instance in range(instances):
            row, column = rng.integers(4, 24), 3 + instance * 14 + rng.integers(0, 8)
            depth[scene, row : row + 4, column : column + 4] = 0.58 + 0.02 * rng.random()
        found, _ = CAMERA.back_project(depth[scene])
        drawn[scene] = found[rng.integers(0, len(found), points)]
    return depth, drawn


def write_scenes(root, count=8, seed=0):
    """Write a folder of scenes without a truth and return its path."""
    depth, _ = squares(count, seed=seed)
    for name in ("depth", "mask"):
        (root / name).mkdir(parents=True)
    write_camera(CAMERA, root / "camera.json")
    for number, picture in enumerate(depth):
        np.save(root / "depth" / f"{number:05d}.npy", np.where(picture > 0, picture, 0.7).astype(np.float32))
        Image.fromarray((255 * (picture > 0)).astype(np.uint8)).save(root / "mask" / f"{number:05d}.png")
    return root
