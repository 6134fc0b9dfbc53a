"""Images of two textures and three colours with several labels each, and a small backbone for them."""

import keras
import numpy as np
from PIL import Image

from tfapp.data import MultiLabelImages
from tfapp.transfer.backbones import open_backbone
from tfapp.transfer.config import TransferConfig

CLASSES = ("red", "green", "blue", "stripes")
SIDE, LOW, FEATURES = 16, 4, 6


def picture(index, rng):
    """Return one image, uint8 (16, 16, 3), and its targets: a colour, and every other one with stripes."""
    colour, stripes = index % 3, index % 2
    image = rng.integers(0, 60, (SIDE, SIDE, 3)) + 30
    image[..., colour] += 120
    if stripes:
        image[:, ::4] //= 3
    targets = [1 if colour == number else -1 for number in range(3)]
    return image.astype(np.uint8), [*targets, 1 if stripes else -1]


def part(count, seed=0):
    """Return a `MultiLabelImages` in memory."""
    rng = np.random.default_rng(seed)
    images, targets = zip(*(picture(index, rng) for index in range(count)), strict=True)
    names = tuple(f"{seed}/{index}" for index in range(count))
    return MultiLabelImages(
        names, np.array(targets, np.int8), lambda index: images[index].astype(np.float32) / 255, images
    )


def write_folder(root, count=36, tested=12):
    """Write a folder with `labels.csv` and return its path."""
    root.mkdir(parents=True)
    rng = np.random.default_rng(0)
    lines = ["image,split," + ",".join(CLASSES)]
    for index in range(count):
        image, targets = picture(index, rng)
        Image.fromarray(image).save(root / f"{index}.png")
        present = ",".join("1" if target == 1 else "0" for target in targets)
        lines.append(f"{index}.png,{'test' if index < tested else 'train'},{present}")
    (root / "labels.csv").write_text("\n".join(lines) + "\n")
    return root


def write_backbone(path, seed=0, side=SIDE):
    """Write a `.keras` file of a small classifier with random weights and return its path."""
    keras.utils.set_random_seed(seed)
    images = keras.Input((side, side, 3))
    x = keras.layers.Conv2D(FEATURES, 3, activation="relu", name="convolution")(images)
    x = keras.layers.GlobalAveragePooling2D(name="average")(x)
    keras.Model(images, keras.layers.Dense(3, name="scores")(x)).save(path)
    return path


def write_backbone_with_statistics(path):
    """Write a small classifier of images of any size with a batch normalisation, and return its path."""
    keras.utils.set_random_seed(0)
    images = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(FEATURES, 3, name="convolution")(images)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization(name="normalisation")(x))
    x = keras.layers.GlobalAveragePooling2D(name="average")(x)
    keras.Model(images, keras.layers.Dense(3, name="scores")(x)).save(path)
    return path


def backbone(path, **options):
    """Return the small `Backbone`."""
    return open_backbone(str(write_backbone(path, **options)), SIDE)


def config(path, **changes):
    """Return a `TransferConfig` for the backbone in a file."""
    settings = {"high": SIDE, "low": LOW, "hidden": 8, "clusters": 4, "iterations": 30, "batch_size": 12}
    return TransferConfig(backbone=str(path), **{**settings, **changes})
