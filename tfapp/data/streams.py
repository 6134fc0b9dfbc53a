"""tf.data streams over frames and over labelled images: seeded, augmented, startable at any step."""

import numpy as np
import tensorflow as tf

from tfapp.data.labelled import ImageArray
from tfapp.data.resolution import resize_images
from tfapp.errors import InputError

AUGMENTATIONS = ("none", "mirror", "flips", "dihedral")


def training_stream(frames, *, batch_size, seed, first_step=0, augment="dihedral"):
    """Return an endless stream of shuffled, augmented batches.

    The element at any position depends only on the seed and the position, so a run that was killed
    goes on with exactly the batches that an unbroken run would have seen.

    Args:
        frames: A `Frames`.
        batch_size: Images per batch, at most `len(frames)`.
        seed: Seed of order and augmentation.
        first_step: Batch to start at.
        augment: `none`, `mirror` (left and right, for scenes with the sky above), `flips` (two axes) or
            `dihedral` (flips and quarter turns, eight-fold).

    Returns:
        `tf.data.Dataset` of (images (batch, height, width, channels), targets (batch, height, width), or with
        channels in image pairs, weights (batch, height, width)).

    Raises:
        InputError: For fewer frames than the batch size, or quarter turns of oblong frames.
    """
    count = len(frames)
    if batch_size > count:
        raise InputError(
            f"The batch size is {batch_size} but there are only {count} training image(s) or patches; "
            f"use --batch-size {count} or less, or smaller patches."
        )
    height, width, _ = frames.frame_shape
    if augment == "dihedral" and height != width:
        raise InputError(
            f"Quarter turns need square frames, these are {width}x{height}; use --augment flips."
        )
    first_pass, offset = divmod(first_step * batch_size, count)
    positions = (
        tf.data.Dataset.range(first_pass, tf.int64.max)
        .flat_map(lambda number: _shuffled_pass(count, seed, number))
        .skip(offset)
    )
    stream = positions.map(
        lambda number, index: _augmented(_load(frames, index), augment, [seed, number * count + index]),
        num_parallel_calls=2,
        deterministic=True,
    )
    return stream.batch(batch_size, drop_remainder=True).prefetch(2)


def ordered_batches(frames, batch_size):
    """Return one pass over the frames in order; the last batch may be smaller."""
    indices = tf.data.Dataset.range(len(frames))
    return indices.map(lambda index: _load(frames, index)).batch(batch_size).prefetch(1)


def _shuffled_pass(count, seed, number):
    order = tf.random.experimental.stateless_shuffle(tf.range(count, dtype=tf.int64), seed=[seed, number])
    return tf.data.Dataset.from_tensor_slices(order).map(lambda index: (number, index))


def _load(frames, index):
    target_type = tf.float32 if frames.dataset.image_pairs else tf.int32
    image, target, weights = tf.numpy_function(
        lambda i: frames[int(i)], [index], [tf.float32, target_type, tf.float32], stateful=False
    )
    image.set_shape(frames.frame_shape)
    target.set_shape(frames.target_shape)
    weights.set_shape(frames.frame_shape[:2])
    return image, target, weights


def _augmented(frame, augment, seed):
    if augment == "none":
        return frame
    draws = tf.unstack(tf.random.stateless_uniform([3], seed, 0, 4, tf.int32))
    turns = draws[2] if augment == "dihedral" else tf.zeros([], tf.int32)
    flip = draws[1] % 2 == 1 if augment != "mirror" else tf.constant(False)
    return tuple(_transformed(part, draws[0] % 2 == 1, flip, turns) for part in frame)


def _transformed(part, mirror, flip, turns):
    flat = part.shape.rank == 2
    image = part[..., None] if flat else part
    image = tf.cond(mirror, lambda: tf.reverse(image, [1]), lambda: image)
    image = tf.cond(flip, lambda: tf.reverse(image, [0]), lambda: image)
    if image.shape[0] == image.shape[1]:
        shape = image.shape
        image = tf.image.rot90(image, turns)
        image.set_shape(shape)
    return image[..., 0] if flat else image


LABELLED_AUGMENTATIONS = ("none", "mirror", "crop", "crop-mirror")


def epoch_order(count, seed, epoch):
    """Return the order of the images in an epoch, a permutation int64 (count,); their own order for seed None."""
    if seed is None:
        return np.arange(count)
    return np.random.default_rng([seed, epoch, 0x0BA7C4]).permutation(count)


def batches(part, batch_size, seed=None, epoch=0, *, size=None, augment="none", drop_remainder=False):
    """Return the batches of one epoch.

    Args:
        part: `ImageArray` or `ImageFiles`, such as `ClassificationSet.train`.
        batch_size: Images per batch, at least 1; the last batch is smaller where they do not divide.
        seed: Non-negative integer that decides the order and the augmentation of every epoch, or None for the
            images in their own order, as for testing.
        epoch: Number of the epoch, counted from 0.
        size: Side of square images, or `(height, width)`: images in memory are resized to it, images in files
            are resized so that their centre, 224/256 of the shorter side, has it. None keeps images in memory.
        augment: `none`; `mirror`, left and right; `crop`, a random place: in memory within zeros of an eighth
            of the side around the image (4 pixels of 32), in files within the central square; `crop-mirror`.
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
    _check(part, batch_size, seed, augment, drop_remainder)
    epochs = tf.data.Dataset.range(epoch, epoch + 1)
    stream = _stream(part, epochs, batch_size, seed, size, augment, drop_remainder)
    rounding = 0 if drop_remainder else batch_size - 1
    return stream.apply(tf.data.experimental.assert_cardinality((len(part) + rounding) // batch_size))


def batch_stream(part, batch_size, seed, first_epoch=0, *, size=None, augment="none", drop_remainder=False):
    """Return the batches of one epoch after the other without end, as `fit(steps_per_epoch=...)` takes them.

    Epoch by epoch they are the ones of `batches`, so a stream that starts at a later epoch goes on with what an
    unbroken one would have given. Arguments and errors are those of `batches`.
    """
    _check(part, batch_size, seed, augment, drop_remainder)
    epochs = tf.data.Dataset.range(first_epoch, tf.int64.max)
    return _stream(part, epochs, batch_size, seed, size, augment, drop_remainder)


def _check(part, batch_size, seed, augment, drop_remainder):
    if batch_size < 1 or (drop_remainder and batch_size > len(part)):
        raise InputError(
            f"The batch size must be from 1 to {len(part)}, the number of images; got {batch_size}."
        )
    if augment not in LABELLED_AUGMENTATIONS:
        raise InputError(
            f"Unknown augmentation {augment!r}; choose one of: {', '.join(LABELLED_AUGMENTATIONS)}."
        )
    if augment != "none" and seed is None:
        raise InputError(f"The augmentation {augment!r} is random and needs a seed.")


def _stream(part, epochs, batch_size, seed, size, augment, drop_remainder):
    in_memory, count = isinstance(part, ImageArray), len(part)
    load = (array_loader if in_memory else file_loader)(part, size, augment, seed or 0)

    def one_epoch(epoch):
        order = tf.numpy_function(
            lambda number: epoch_order(count, seed, int(number)), [epoch], tf.int64, stateful=False
        )
        order.set_shape((count,))
        # Positions count on through all epochs: with the seed they decide the augmentation of an image.
        positions = epoch * count + tf.range(count, dtype=tf.int64)
        entries = tf.data.Dataset.from_tensor_slices((positions, order))
        if in_memory:
            return entries.batch(batch_size, drop_remainder).map(
                load, num_parallel_calls=2, deterministic=True
            )
        images = entries.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        return images.batch(batch_size, drop_remainder)

    return epochs.flat_map(one_epoch).prefetch(2)


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


# Share of the image that is kept: networks for ImageNet see 224 of 256 pixels.
KEPT = 224 / 256


def file_loader(part, size, augment, seed):
    """Return a function of (position in the stream, place in the part) that gives (image, label).

    Args:
        part: `ImageFiles`.
        size: Side or `(height, width)` of the images.
        augment: One of `classification_batches.AUGMENTATIONS`.
        seed: Non-negative integer of the augmentation.

    Raises:
        InputError: Without a size.
    """
    if size is None:
        raise InputError(
            "Images in files differ in size; expected `size`, such as 224, to cut and resize them to."
        )
    size = tuple(np.broadcast_to(size, 2).tolist())
    labels = tf.constant(part.labels)

    def load(position, place):
        image = tf.numpy_function(lambda index: part.read(int(index)), [place], tf.float32, stateful=False)
        image.set_shape(part.image_shape)
        draws = tf.random.stateless_uniform([3], [seed, position])
        middle = tf.constant([0.5, 0.5])
        image = resize_images(_cut(image, size, draws[:2] if "crop" in augment else middle), size)
        if "mirror" in augment:
            image = tf.cond(draws[2] < 0.5, lambda: image, lambda: tf.reverse(image, [1]))
        return tf.ensure_shape(image, (*size, part.image_shape[-1])), tf.gather(labels, place)

    return load


def _cut(image, size, place):
    """Return a region with the proportions of `size`; `place` (2,) in [0, 1) is where in the middle of the image."""
    lengths, wanted = tf.cast(tf.shape(image)[:2], tf.float32), tf.constant(size, tf.float32)
    # The largest region of these proportions, in the middle of the image, and the share of it that is kept.
    middle = wanted * tf.reduce_min(lengths / wanted)
    kept = tf.maximum(tf.round(KEPT * middle), 1.0)
    first = (lengths - middle) / 2 + place * (middle - kept)
    (top, left), (height, width) = (tf.unstack(tf.cast(pair, tf.int32)) for pair in (first, kept))
    return image[top : top + height, left : left + width]
