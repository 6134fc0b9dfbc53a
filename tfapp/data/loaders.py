"""Loading and augmentation of labelled images: whole batches from memory, one image after the other from files.

Each loader is a function of (entries, batch_size, drop_remainder) that returns a `tf.data.Dataset` of (images float32
(batch, height, width, channels) in [0, 1], labels int32 (batch,)). Entries are a dataset of int64 pairs: the position
of an image in the whole stream, which with the seed decides its augmentation, and its place among the images.
"""

import numpy as np
import tensorflow as tf

from tfapp.data.resolution import resize_images
from tfapp.errors import InputError

# Augmentation that mirrors all images of a batch or none.
BATCH_MIRROR = "batch-mirror"
# Share of the image that is kept: networks for ImageNet see 224 of 256 pixels.
KEPT = 224 / 256


def array_loader(images, labels, size, augment, seed):
    """Return the loader of images in memory.

    Args:
        images: uint8 (count, height, width, channels), or float32 values that are taken as they are.
        labels: int32 (count,).
        size: Side or `(height, width)` to resize to, or None.
        augment: One of `tfapp.data.labelled_batches.AUGMENTATIONS`.
        seed: Non-negative integer of the augmentation.
    """
    images, labels = tf.constant(images), tf.constant(labels)

    def load(positions, places):
        batch = tf.gather(images, places)
        if batch.dtype != tf.float32:
            batch = tf.cast(batch, tf.float32) / 255.0
        if size is not None:
            batch = resize_images(batch, np.broadcast_to(size, 2).tolist())
        draws = tf.random.stateless_uniform([tf.size(places), 3], [seed, positions[0]])
        if "crop" in augment:
            batch = _shifted(batch, draws[:, :2])
        if augment == BATCH_MIRROR:
            batch = _mirrored_at_once(batch, seed, positions[0])
        elif "mirror" in augment:
            batch = tf.where(draws[:, 2, None, None, None] < 0.5, batch, tf.reverse(batch, [2]))
        return batch, tf.gather(labels, places)

    def batched(entries, batch_size, drop_remainder):
        entries = entries.batch(batch_size, drop_remainder)
        return entries.map(load, num_parallel_calls=2, deterministic=True)

    return batched


def file_loader(read, labels, image_shape, size, augment, seed):
    """Return the loader of images of any size.

    Args:
        read: Function of a place that returns an image, float32 (height, width, channels) in [0, 1].
        labels: int32 (count,).
        image_shape: (None, None, channels).
        size: Side or `(height, width)` of the images in the batches.
        augment: One of `tfapp.data.labelled_batches.AUGMENTATIONS`.
        seed: Non-negative integer of the augmentation.

    Raises:
        InputError: Without a size.
    """
    if size is None:
        raise InputError(
            "Images in files differ in size; expected `size`, such as 224, to cut and resize them to."
        )
    size = tuple(np.broadcast_to(size, 2).tolist())
    labels = tf.constant(labels)

    def load(position, place):
        image = tf.numpy_function(lambda index: read(int(index)), [place], tf.float32, stateful=False)
        image.set_shape(image_shape)
        draws = tf.random.stateless_uniform([3], [seed, position])
        middle = tf.constant([0.5, 0.5])
        image = resize_images(_cut(image, size, draws[:2] if "crop" in augment else middle), size)
        if "mirror" in augment and augment != BATCH_MIRROR:
            image = tf.cond(draws[2] < 0.5, lambda: image, lambda: tf.reverse(image, [1]))
        return tf.ensure_shape(image, (*size, image_shape[-1])), tf.gather(labels, place)

    def batched(entries, batch_size, drop_remainder):
        images = entries.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        images = images.batch(batch_size, drop_remainder)
        if augment != BATCH_MIRROR:
            return images
        firsts = entries.batch(batch_size, drop_remainder).map(lambda positions, places: positions[0])
        return tf.data.Dataset.zip(images, firsts).map(
            lambda pair, first: (_mirrored_at_once(pair[0], seed, first), pair[1])
        )

    return batched


def _mirrored_at_once(batch, seed, first):
    """Return a batch, or all of it mirrored, by a draw for the position of its first image."""
    return tf.cond(
        tf.random.stateless_uniform([], [seed, first]) < 0.5, lambda: batch, lambda: tf.reverse(batch, [2])
    )


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


def _cut(image, size, place):
    """Return a region with the proportions of `size`; `place` (2,) in [0, 1) is where in the middle of the image."""
    lengths, wanted = tf.cast(tf.shape(image)[:2], tf.float32), tf.constant(size, tf.float32)
    # The largest region of these proportions, in the middle of the image, and the share of it that is kept.
    middle = wanted * tf.reduce_min(lengths / wanted)
    kept = tf.maximum(tf.round(KEPT * middle), 1.0)
    first = (lengths - middle) / 2 + place * (middle - kept)
    (top, left), (height, width) = (tf.unstack(tf.cast(pair, tf.int32)) for pair in (first, kept))
    return image[top : top + height, left : left + width]
