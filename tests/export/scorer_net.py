"""Image classifiers of a few numbers, of no task of the application, for the export of scores."""

import io

import keras
import numpy as np
from PIL import Image

CLASS_NAMES = ["bird", "cat", "ship", "truck"]


def build_pipeline():
    """From RGB images of any size: enlarged or reduced, clipped, a small net, features of length 1, linear scores."""
    keras.utils.set_random_seed(3)
    random = keras.initializers.RandomNormal(stddev=0.7, seed=1)
    images = keras.Input((None, None, 3))
    resized = keras.layers.Resizing(16, 16, interpolation="bicubic", antialias=True)(images)
    maps = keras.ops.clip(resized, 0.0, 1.0)
    for filters in (8, 12):
        maps = keras.layers.Conv2D(filters, 3, strides=2, activation="relu", kernel_initializer=random)(maps)
    raw = keras.layers.Dense(10, kernel_initializer=random)(keras.layers.GlobalAveragePooling2D()(maps))
    norm = keras.layers.BatchNormalization()
    features = keras.layers.Dropout(0.5)(keras.layers.UnitNormalization()(norm(raw)))
    scores = keras.layers.Dense(len(CLASS_NAMES), kernel_initializer=random)(features)
    # Statistics of such images, as training leaves them: without, every image would have about the same features.
    seen = np.stack([tinted((16, 16), seed) for seed in range(100, 120)]).astype(np.float32) / 255
    values = np.asarray(keras.Model(images, raw)(seen, training=False))
    norm.moving_mean.assign(values.mean(0))
    norm.moving_variance.assign(values.var(0))
    return keras.Model(images, scores)


def tinted(size, seed=0):
    """Random pixels of a random colour, uint8 `(height, width, 3)`."""
    random = np.random.default_rng([seed, *size])
    return (random.uniform(size=3) * random.integers(0, 256, (*size, 3))).astype(np.uint8)


def build_net(shape, classes=2, **options):
    """Linear scores of the mean of each channel."""
    keras.utils.set_random_seed(4)
    images = keras.Input(shape)
    means = keras.layers.GlobalAveragePooling2D()(images)
    return keras.Model(images, keras.layers.Dense(classes, **options)(means))


def encoded(pixels, kind="PNG", **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def opened(contents, mode="RGB"):
    """What Pillow reads, float32 `(1, height, width, channels)` in [0, 1]."""
    with Image.open(io.BytesIO(contents)) as image:
        pixels = np.asarray(image.convert(mode), np.float32)
    return pixels.reshape(1, *pixels.shape[:2], -1) / 255
