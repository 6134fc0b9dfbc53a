"""The network that surfaces are measured of, and its task: the foreground of generated blood smears."""

from dataclasses import dataclass

import keras
import numpy as np

from tfapp.data.readers.cells import generate_cell

NUM_IMAGES = 16  # of a point, in one batch


@dataclass(frozen=True)
class Size:
    """How large everything is.

    Attributes:
        base_width: Filters of the first level; each of the `depth` levels below has twice as many.
        side: Height and width of the images in pixels.
        images: Images that the network is trained on.
        steps: Training steps.
        grid: Points along each axis of a surface.
    """

    base_width: int
    depth: int
    side: int
    images: int
    steps: int
    grid: int


FULL = Size(base_width=16, depth=4, side=128, images=16, steps=400, grid=33)
QUICK = Size(base_width=4, depth=2, side=32, images=16, steps=200, grid=33)


def unet(size, seed=0):
    """Return a U-Net from one channel to one, linear at its end, compiled with the mean squared error."""
    keras.utils.set_random_seed(seed)
    inputs = features = keras.Input((size.side, size.side, 1))
    skips = []
    for level in range(size.depth):
        skips.append(_convolve_twice(features, size.base_width << level))
        features = keras.layers.MaxPooling2D()(skips[-1])
    features = _convolve_twice(features, size.base_width << size.depth)
    for level in reversed(range(size.depth)):
        features = keras.layers.Conv2DTranspose(size.base_width << level, 2, strides=2)(features)
        features = _convolve_twice(
            keras.layers.concatenate([skips[level], features]), size.base_width << level
        )
    model = keras.Model(inputs, keras.layers.Conv2D(1, 1)(features))
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss="mse")
    return model


def behind_sigmoid(model):
    """Return the network behind a sigmoid: its loss is bounded, and far from the solution it jumps."""
    outputs = keras.layers.Activation("sigmoid")(model.output)
    bounded = keras.Model(model.input, outputs)
    bounded.compile(loss="mse")
    return bounded


def images_and_foreground(size):
    """Return grey images in [0, 1] and their foreground, 0 or 1, both float32 (images, side, side, 1)."""
    pictures, labels = zip(*(generate_cell(0, index, size.side) for index in range(size.images)), strict=True)
    grey = np.stack(pictures).mean(-1, keepdims=True, dtype=np.float32) / 255
    return grey, (np.stack(labels) > 0).astype(np.float32)[..., None]


def train(model, x, y, steps):
    """Train on batches of 16 and return the loss over the first 16 images."""
    epochs = -(-steps * NUM_IMAGES // len(x))
    model.fit(x, y, batch_size=NUM_IMAGES, epochs=epochs, verbose=0)
    return model.evaluate(x[:NUM_IMAGES], y[:NUM_IMAGES], batch_size=NUM_IMAGES, verbose=0)


def _convolve_twice(features, filters):
    for _ in range(2):
        features = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(features)
    return features
