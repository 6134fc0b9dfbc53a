"""Folders of images for `scale.py`: large photographs with masks, and many small ones."""

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter, zoom

CLASSES = 3


def write_large(folder, count, size, suffix):
    """Write images of smoothed noise in colours, and masks of their blobs.

    Args:
        folder: Where `images/` and `masks/` are made.
        count: Number of images.
        size: (height, width), multiples of 8.
        suffix: `.jpg` or `.png` of the images; masks are PNG.
    """
    rng = np.random.default_rng(0)
    fields = [_field(rng, size) for _ in range(4)]
    _make_folders(folder)
    for index in range(count):
        # Shifted copies of a few fields: smoothing anew for each image would take longer than all that is measured.
        planes = [np.roll(field, rng.integers(0, size), (0, 1)) for field in fields[:3]]
        pixels = np.stack([130 + 50 * plane + rng.normal(0, 6, size) for plane in planes], -1)
        options = {"quality": 90} if suffix == ".jpg" else {"compress_level": 1}
        picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
        picture.save(folder / "images" / f"{index:05d}{suffix}", **options)
        labels = (planes[0] > 0).astype(np.uint8) + (planes[0] > 1)
        Image.fromarray(labels).save(folder / "masks" / f"{index:05d}.png")


def write_small(folder, count, side=32):
    """Write so many small images of noise, and masks of noise."""
    rng = np.random.default_rng(0)
    _make_folders(folder)
    for index in range(count):
        pixels = rng.integers(0, 256, (side, side, 3), np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{index:06d}.png")
        Image.fromarray(pixels[..., 0] // 86).save(folder / "masks" / f"{index:06d}.png")


def _field(rng, size):
    height, width = size
    coarse = gaussian_filter(rng.random((height // 8, width // 8), np.float32), 2)
    return zoom((coarse - coarse.mean()) / coarse.std(), 8, order=1)


def _make_folders(folder):
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
