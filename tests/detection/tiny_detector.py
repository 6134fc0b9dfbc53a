"""Images with boxes, a backbone of three convolutions, and a configuration that trains in seconds."""

import keras
import numpy as np
from PIL import Image

from tfapp.detection.backbones import open_backbone
from tfapp.detection.config import DetectionConfig
from tfapp.detection.detector import Rules, assemble
from tfapp.detection.model import build_detector
from tfapp.detection.run import anchors_of
from tfapp.detection.sampling import OffsetScale

SIDE = 64
OFFSET_SCALE = OffsetScale.from_json(
    {"means": np.zeros((2, 4)).tolist(), "deviations": [[0.1, 0.1, 0.2, 0.2]] * 2}
)
_BOX = "<bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox>"


def write_boxed(folder, count=8, seed=0):
    """Write images of a bright square and a dark disc-like square each, with XML, and return what names them."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for number in range(count):
        pixels = rng.integers(100, 140, (SIDE, SIDE + 16, 3)).astype(np.uint8)
        objects = []
        for name, value, left in (("bright", 250, 0), ("dark", 5, 40)):
            side = int(rng.integers(14, 24))
            y, x = int(rng.integers(0, SIDE - side)), left + int(rng.integers(0, 38 - side))
            pixels[y : y + side, x : x + side] = value
            box = _BOX.format(x + 1, y + 1, x + side, y + side)
            objects.append(f"<object><name>{name}</name>{box}</object>")
        Image.fromarray(pixels).save(folder / f"{number}.png")
        (folder / f"{number}.xml").write_text(f"<annotation>{''.join(objects)}</annotation>")
    return f"voc-boxes:{folder}"


def write_backbone(file):
    """Write a network of stride 8 as a `.keras` file, and return its path."""
    keras.utils.set_random_seed(1)
    x = images = keras.Input((None, None, 3))
    for number, width in enumerate((8, 12, 16)):
        x = keras.layers.Conv2D(width, 3, 2, padding="same", activation="relu", name=f"conv{number}")(x)
    keras.Model(images, x).save(file)
    return str(file)


def tiny_config(backbone, **options):
    """Return a `DetectionConfig` for images of `write_boxed`."""
    given = {
        "backbone": backbone,
        "frozen_stride": 2,
        "head_width": 16,
        "shorter_side": 64,
        "longer_side": 96,
        "anchor_sizes": (16.0, 24.0),
        "anchor_ratios": (1.0,),
        "regions": 16,
        "epochs": 2,
        "solver": "sgd-momentum=0.01",
    }
    return DetectionConfig(**(given | options))


def tiny_assembled(file, rules=None, proposals="rpn", **options):
    """Return a detector of two classes with random weights, from images to boxes: it finds something in any image.

    Args:
        file: Backbone, as of `write_backbone`.
        rules: `Rules`; None for boxes of low scores too, of which there are always some.
        proposals: As of `DetectionConfig`.
        options: Of `tiny_config`.
    """
    config = tiny_config(file, proposals=proposals, **options)
    model, stride = random_detector(config)
    rules = rules or Rules(min_score=0.2, max_boxes=20)
    return assemble(model, config, stride, OFFSET_SCALE, rules)


def random_detector(config):
    """Return a model of `build_detector` with random weights that are large enough to tell images apart; its stride."""
    keras.utils.set_random_seed(2)
    backbone = open_backbone(config.backbone, frozen_stride=config.frozen_stride)
    model = build_detector(backbone, 2, anchors_of(config), head_width=config.head_width)
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        if variable.name == "kernel":
            deviation = 1.5 / np.sqrt(np.prod(variable.shape[:-1]))
            variable.assign(rng.normal(0, deviation, variable.shape))
    return model, backbone.stride
