"""From places in an `ImageArray` to a batch of its images."""

import numpy as np
import tensorflow as tf

from tfapp.models import resize_images


def array_loader(part, size, augment, seed):
    """Return a function of (positions in the stream, places in the part) that gives a batch (images, labels).

    Args:
        part: `ImageArray`.
        size: Side or `(height, width)` to resize to, or None.
        augment: One of `classification_batches.AUGMENTATIONS`.
        seed: Non-negative integer of the augmentation.
    """
    images, labels = tf.constant(part.images), tf.constant(part.labels)

    def load(positions, places):
        batch = tf.cast(tf.gather(images, places), tf.float32) / 255.0
        if size is not None:
            batch = resize_images(batch, np.broadcast_to(size, 2).tolist())
        draws = tf.random.stateless_uniform([tf.size(places), 3], [seed, positions[0]])
        if "crop" in augment:
            batch = _shifted(batch, draws[:, :2])
        if "mirror" in augment:
            batch = tf.where(draws[:, 2, None, None, None] < 0.5, batch, tf.reverse(batch, [2]))
        return batch, tf.gather(labels, places)

    return load


def _shifted(batch, draws):
    """Cut each image out of itself within a margin of zeros, at the place that its `draws` (batch, 2) in [0, 1) say."""
    for axis, draw in ((1, draws[:, 0]), (2, draws[:, 1])):
        length = batch.shape[axis]
        margin = length // 8
        padding = [[0, 0] if other != axis else [margin, margin] for other in range(4)]
        first = tf.cast(draw * (2 * margin + 1), tf.int32)
        pixels = first[:, None] + tf.range(length)
        batch = tf.gather(tf.pad(batch, padding), pixels, axis=axis, batch_dims=1)
    return batch
