"""Small segmenters and images for the tests of what is done to anybody's model."""

import keras
import numpy as np

layers = keras.layers


def images(channels=3, seed=0):
    return np.random.default_rng(seed).uniform(size=(2, 8, 12, channels)).astype(np.float32)


def segmenter(*ends, classes=3, activation=None, shape=(None, None, 3)):
    """A convolution with some layers or functions behind it."""
    inputs = keras.Input(shape)
    x = layers.Conv2D(classes, 3, padding="same", activation=activation, name="scores")(inputs)
    for end in ends:
        x = end(x)
    return keras.Model(inputs, x)


def nested(model):
    inputs = keras.Input((None, None, 3))
    return keras.Model(inputs, model(layers.Rescaling(2.0)(inputs)))
