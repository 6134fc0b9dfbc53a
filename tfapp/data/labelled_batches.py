"""Batches of labelled images, by the epoch or without end: seeded, augmented, startable at any epoch."""

import numpy as np
import tensorflow as tf

from tfapp.data.loaders import BATCH_MIRROR
from tfapp.errors import InputError

# Names of what `batches` may do to images with one label.
AUGMENTATIONS = ("none", "mirror", "crop", "crop-mirror", BATCH_MIRROR)


def epoch_order(count, seed, epoch):
    """Return the order of the images in an epoch, a permutation int64 (count,); their own order for seed None."""
    if seed is None:
        return np.arange(count)
    return np.random.default_rng([seed, epoch, 0x0BA7C4]).permutation(count)


def batches(images, batch_size, seed=None, epoch=0, *, size=None, augment="none", drop_remainder=False):
    """Return the batches of one epoch.

    Args:
        images: `LabelledImages` (`ImageArray` or `ImageFiles`), such as `ClassificationSet.train`.
        batch_size: Images per batch, at least 1; the last batch is smaller where they do not divide.
        seed: Non-negative integer that decides the order and the augmentation of every epoch, or None for the
            images in their own order, as for testing.
        epoch: Number of the epoch, counted from 0.
        size: Side of square images, or `(height, width)`: images in memory are resized to it, images in files
            are resized so that their centre, 224/256 of the shorter side, has it. None keeps images in memory.
        augment: `none`; `mirror`, left and right; `crop`, a random place: in memory within zeros of an eighth
            of the side around the image (4 pixels of 32), in files within the central square; `crop-mirror`; or
            `batch-mirror`, which mirrors all images of a batch or none, as MatConvNet's example for CIFAR-10 does.
        drop_remainder: Whether to leave out a smaller last batch.

    Returns:
        `tf.data.Dataset` of (images float32 (batch, height, width, channels) in [0, 1], labels int32 (batch,)); `fit`
        takes it with `shuffle=False`, which is how it is told that the order is meant.

    Raises:
        InputError: For a batch size below 1, an unknown augmentation, augmentation without a seed, images in
            files without a size, or no batch at all.

    Reference:
        Crops in memory: K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", CVPR 2016,
        section 4.2; in files: A. Krizhevsky, I. Sutskever, G. E. Hinton, "ImageNet Classification with Deep
        Convolutional Neural Networks", NIPS 2012, section 4.1.
    """
    _check(images, batch_size, seed, augment, drop_remainder)
    epochs = tf.data.Dataset.range(epoch, epoch + 1)
    stream = _stream(images, epochs, batch_size, seed, size, augment, drop_remainder)
    rounding = 0 if drop_remainder else batch_size - 1
    return stream.apply(tf.data.experimental.assert_cardinality((len(images) + rounding) // batch_size))


def batch_stream(images, batch_size, seed, first_epoch=0, *, size=None, augment="none", drop_remainder=False):
    """Return the batches of one epoch after the other without end, as `fit(steps_per_epoch=...)` takes them.

    Epoch by epoch they are the ones of `batches`, so a stream that starts at a later epoch goes on with what an
    unbroken one would have given. Arguments and errors are those of `batches`.
    """
    _check(images, batch_size, seed, augment, drop_remainder)
    epochs = tf.data.Dataset.range(first_epoch, tf.int64.max)
    return _stream(images, epochs, batch_size, seed, size, augment, drop_remainder)


def _check(images, batch_size, seed, augment, drop_remainder):
    if batch_size < 1 or (drop_remainder and batch_size > len(images)):
        raise InputError(
            f"The batch size must be from 1 to {len(images)}, the number of images; got {batch_size}."
        )
    if augment not in AUGMENTATIONS:
        raise InputError(f"Unknown augmentation {augment!r}; choose one of: {', '.join(AUGMENTATIONS)}.")
    if augment != "none" and seed is None:
        raise InputError(f"The augmentation {augment!r} is random and needs a seed.")


def _stream(images, epochs, batch_size, seed, size, augment, drop_remainder):
    load, count = images.loader(size, augment, seed or 0), len(images)

    def one_epoch(epoch):
        order = tf.numpy_function(
            lambda number: epoch_order(count, seed, int(number)), [epoch], tf.int64, stateful=False
        )
        order.set_shape((count,))
        # Positions count on through all epochs: with the seed they decide the augmentation of an image.
        positions = epoch * count + tf.range(count, dtype=tf.int64)
        return load(tf.data.Dataset.from_tensor_slices((positions, order)), batch_size, drop_remainder)

    return epochs.flat_map(one_epoch).prefetch(2)
