"""Detectors of no task of the application: boxes around what is bright, and others that are wrong on purpose."""

import keras
import numpy as np
import tensorflow as tf

from tfapp.export.detector_requests import sample_picture

CLASS_NAMES = ["bright", "dark"]
ROWS = 4
# Score of a box, at least.
LEAST = 0.02


class Quarters(keras.layers.Layer):
    """The quarters of an image by how far their mean is from grey, the brighter of class 0, if they are so at all.

    Args:
        least: Score from which a quarter is a box.
        change: Function of the list of outputs, to make them wrong.
    """

    def __init__(self, least=LEAST, change=None, **kwargs):
        super().__init__(**kwargs)
        self.least, self.change = least, change

    def call(self, images):
        height, width = tf.unstack(tf.shape(images)[1:3])
        y, x = height // 2, width // 2
        corners = [(0, 0, y, x), (0, x, y, width), (y, 0, height, x), (y, x, height, width)]
        boxes = tf.cast(tf.stack([tf.stack(one) for one in corners]), tf.float32)
        means = tf.stack([tf.reduce_mean(images[:, a:c, b:d], (1, 2, 3)) for a, b, c, d in corners], axis=-1)
        order = tf.argsort(-tf.abs(means - 0.5), stable=True)
        means = tf.gather(means, order, batch_dims=1)
        scores = 2 * tf.abs(means - 0.5)
        there = scores >= self.least
        found = [
            tf.where(there[..., None], tf.gather(boxes, order), 0.0),
            tf.where(there, scores, 0.0),
            tf.where(there, tf.cast(means < 0.5, tf.int32), -1),
            tf.reduce_sum(tf.cast(there, tf.int32), -1),
        ]
        return found if self.change is None else self.change(found)


def build_quarters(shape=(None, None, 3), **options):
    images = keras.Input(shape, name="images")
    return keras.Model(images, Quarters(**options)(images))


def pictures(size, count=2):
    """uint8 `(count, height, width, 3)`."""
    return np.stack([sample_picture(size, 3, seed) for seed in range(count)])
