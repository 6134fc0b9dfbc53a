"""tf.data streams over frames, images with their targets: seeded, augmented, startable at any step."""

import tensorflow as tf

from tfapp.errors import InputError

AUGMENTATIONS = ("none", "mirror", "flips", "dihedral")


def training_stream(frames, *, batch_size, seed, first_step=0, augment="dihedral"):
    """Return an endless stream of shuffled, augmented batches.

    The element at any position depends only on the seed and the position, so a run that was killed
    resumes with exactly the batches that an unbroken run would have seen.

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
            f"use `batch_size` {count} or less, or smaller patches."
        )
    height, width, _ = frames.frame_shape
    if augment == "dihedral" and height != width:
        raise InputError(
            f"Quarter turns need square frames, these are {width}x{height}; use `augment` flips."
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
    return tuple(_transformed(array, draws[0] % 2 == 1, flip, turns) for array in frame)


def _transformed(array, mirror, flip, turns):
    flat = array.shape.rank == 2
    image = array[..., None] if flat else array
    image = tf.cond(mirror, lambda: tf.reverse(image, [1]), lambda: image)
    image = tf.cond(flip, lambda: tf.reverse(image, [0]), lambda: image)
    if image.shape[0] == image.shape[1]:
        shape = image.shape
        image = tf.image.rot90(image, turns)
        image.set_shape(shape)
    return image[..., 0] if flat else image
