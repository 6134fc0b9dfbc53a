"""tf.data streams over frames, images with their targets: seeded, augmented, startable at any step."""

import numpy as np
import tensorflow as tf

from tfapp.errors import InputError

AUGMENTATIONS = ("none", "mirror", "flips", "dihedral")


def training_stream(frames, *, batch_size, seed, first_step=0, augment="dihedral", images_together=None):
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
        images_together: Of how many images the frames are shuffled with each other, before those of as many other
            images come; None for all. So many are in use at a time, and each is used in one stretch of a pass.

    Returns:
        `tf.data.Dataset` of (images (batch, height, width, channels), targets (batch, height, width), or with
        channels in image pairs, weights (batch, height, width)).

    Raises:
        InputError: For fewer frames than the batch size, or quarter turns of oblong frames.
    """
    check_batches(frames, batch_size, augment)
    count = len(frames)
    first_pass, offset = divmod(first_step * batch_size, count)
    positions = (
        tf.data.Dataset.range(first_pass, tf.int64.max)
        .flat_map(lambda number: _shuffled_pass(frames, seed, number, images_together))
        .skip(offset)
    )
    stream = positions.map(
        lambda number, index: _load(frames, index, _symmetry(augment, [seed, number * count + index])),
        num_parallel_calls=frames.threads,
        deterministic=True,
    )
    return stream.batch(batch_size, drop_remainder=True).prefetch(2)


def check_batches(frames, batch_size, augment):
    """Raise InputError as `training_stream` does; arguments are those of it."""
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


def ordered_batches(frames, batch_size):
    """Return one pass over the frames in order; the last batch may be smaller."""
    as_it_is = tf.zeros([3], tf.int32)
    stream = tf.data.Dataset.range(len(frames)).map(
        lambda index: _load(frames, index, as_it_is), num_parallel_calls=frames.threads, deterministic=True
    )
    return stream.batch(batch_size).prefetch(1)


def _shuffled_pass(frames, seed, number, images_together):
    count = len(frames)
    if images_together is None:
        indices = tf.range(count, dtype=tf.int64)
        order = tf.random.experimental.stateless_shuffle(indices, seed=[seed, number])
    else:
        ranges = frames.ranges
        order = tf.numpy_function(
            lambda at: _order_by_groups(ranges, images_together, [seed, int(at), 0x6A0C5]),
            [number],
            tf.int64,
            stateful=False,
        )
        order.set_shape((count,))
    return tf.data.Dataset.from_tensor_slices(order).map(lambda index: (number, index))


def _order_by_groups(ranges, images_together, seed):
    """Return the frames of a pass, int64: images shuffled, in groups of about one size, and the frames of each group.

    Args:
        ranges: `range` of the frames of each image.
        images_together: Images of a group at most.
        seed: Non-negative integers.
    """
    rng = np.random.default_rng(seed)
    groups = np.array_split(rng.permutation(len(ranges)), -(-len(ranges) // images_together))
    frames = [np.concatenate([np.asarray(ranges[image], np.int64) for image in group]) for group in groups]
    return np.concatenate([rng.permutation(group) for group in frames])


def _load(frames, index, symmetry):
    target_type = tf.float32 if frames.dataset.image_pairs else tf.int32
    image, target, weights = tf.numpy_function(
        lambda i, turned: frames.turned(int(i), *map(int, turned)),
        [index, symmetry],
        [tf.float32, target_type, tf.float32],
        stateful=False,
    )
    image.set_shape(frames.frame_shape)
    target.set_shape(frames.target_shape)
    weights.set_shape(frames.frame_shape[:2])
    return image, target, weights


def _symmetry(augment, seed):
    """Return whether to mirror and to flip, and the quarter turns, of the frame of this seed, int32 (3,)."""
    if augment == "none":
        return tf.zeros([3], tf.int32)
    mirror, flip, turns = tf.unstack(tf.random.stateless_uniform([3], seed, 0, 4, tf.int32))
    return tf.stack(
        [mirror % 2, flip % 2 if augment != "mirror" else 0, turns if augment == "dihedral" else 0]
    )
