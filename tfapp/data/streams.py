"""tf.data streams over frames, images with their targets: seeded, augmented, startable at any step."""

import numpy as np
import tensorflow as tf

from tfapp.data.augmentation import change_values, draw_changes, draw_symmetry, parse_augmentation
from tfapp.data.cropping import Place
from tfapp.errors import InputError

NO_CROP = "`augment` scale needs a `crop`, HEIGHTxWIDTH of what is cut out of the scaled images."
# Which part of each batch a stream has, and of how many: all of it.
WHOLE = 0, 1


def training_stream(
    frames, *, batch_size, seed, first_step=0, augment="dihedral", images_together=None, share=WHOLE
):
    """Return an endless stream of shuffled, augmented batches.

    The element at any position depends only on the seed and the position, so a run that was killed
    resumes with exactly the batches that an unbroken run would have seen.

    Args:
        frames: A `Frames`.
        batch_size: Images per batch, at most `len(frames)`.
        seed: Seed of order and augmentation.
        first_step: Batch to start at.
        augment: Text of an `Augmentation`, such as `dihedral` or `mirror,scale=0.5-2,colour`.
        images_together: Of how many images the frames are shuffled with each other, before those of as many other
            images come; None for all. So many are in use at a time, and each is used in one stretch of a pass.
        share: (number, count): only rows of that one of so many equal parts of each batch.

    Returns:
        `tf.data.Dataset` of (images (batch, height, width, channels), targets (batch, height, width), or with
        channels in image pairs, weights (batch, height, width)).

    Raises:
        InputError: For fewer frames than the batch size, a batch that has no such equal parts, or an augmentation that
            does not suit the frames.
    """
    check_batches(frames, batch_size, augment)
    augmentation = parse_augmentation(augment)
    check_divisible(batch_size, share[1])
    count = len(frames)
    first_pass, offset = divmod(first_step * batch_size, count)
    positions = (
        tf.data.Dataset.range(first_pass, tf.int64.max)
        .flat_map(lambda number: _shuffled_pass(frames, seed, number, images_together))
        .skip(offset)
    )
    rows = _rows(batch_size, share)
    if len(rows) < batch_size:
        # Before anything is decoded.
        positions = (
            positions.enumerate().filter(lambda at, _: _is_in(at % batch_size, rows)).map(lambda _, one: one)
        )
    stream = positions.map(
        lambda number, index: _augmented(frames, index, augmentation, [seed, number * count + index]),
        num_parallel_calls=frames.threads,
        deterministic=True,
    )
    endless = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
    return stream.batch(len(rows), drop_remainder=True).apply(endless).prefetch(2)


def check_batches(frames, batch_size, augment):
    """Raise InputError as `training_stream` does; arguments are those of it."""
    count = len(frames)
    if batch_size > count:
        raise InputError(
            f"The batch size is {batch_size} but there are only {count} training image(s) or patches; "
            f"use `batch_size` {count} or less, or smaller patches."
        )
    height, width, _ = frames.frame_shape
    augmentation = parse_augmentation(augment)
    if augmentation.symmetry == "dihedral" and height != width:
        raise InputError(
            f"Quarter turns need square frames, these are {width}x{height}; use `augment` flips."
        )
    if augmentation.scale and frames.framing.crop is None:
        raise InputError(NO_CROP)
    check_colours(augmentation, frames.dataset)


def check_colours(augmentation, dataset):
    """Raise InputError if an `Augmentation` changes the colours of images that have none."""
    if augmentation.colour and dataset.channels != 3:
        raise InputError(f"`augment` colour is for images in colours; those of {dataset.spec} are grey.")


def check_divisible(batch_size, parts):
    """Raise InputError if a batch cannot be divided into so many equal parts, one for each worker of a training."""
    if batch_size % parts:
        fewer = batch_size // parts * parts
        raise InputError(
            f"The batch size {batch_size} cannot be divided among {parts} workers; use `batch_size` "
            f"{f'{fewer} or ' if fewer else ''}{fewer + parts}."
        )


def ordered_batches(frames, batch_size, share=WHOLE):
    """Return one pass over the frames in order; the last batch may be smaller.

    Args:
        frames: A `Frames`.
        batch_size: Images per batch.
        share: As for `training_stream`, but for parts that may differ by one row, and have none of a small last batch.
    """
    full = len(frames) // batch_size * batch_size
    spans = [(range(full), batch_size), (range(full, len(frames)), len(frames) - full)]
    streams = [_ordered(frames, span, size, _rows(size, share)) for span, size in spans if span]
    stream = streams[0] if len(streams) == 1 else streams[0].concatenate(streams[1])
    count = -(-len(frames) // batch_size)
    return stream.apply(tf.data.experimental.assert_cardinality(count)).prefetch(1)


def _ordered(frames, span, size, rows):
    """Return batches of these rows of batches of a size, which the frames of a span are divided into evenly."""
    as_it_is = tf.zeros([3], tf.int32)
    if not rows:
        empty = _load(frames, span[0], as_it_is)
        return tf.data.Dataset.from_tensors(tf.nest.map_structure(lambda one: one[tf.newaxis][:0], empty))
    positions = tf.data.Dataset.range(span.start, span.stop)
    if len(rows) < size:
        positions = positions.filter(lambda index: _is_in((index - span.start) % size, rows))
    return positions.map(
        lambda index: _load(frames, index, as_it_is), num_parallel_calls=frames.threads, deterministic=True
    ).batch(len(rows))


def _rows(batch_size, share):
    number, count = share
    return range(batch_size * number // count, batch_size * (number + 1) // count)


def _is_in(row, rows):
    return (row >= rows.start) & (row < rows.stop)


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


def _augmented(frames, index, augmentation, seed):
    symmetry = draw_symmetry(augmentation.symmetry, seed)
    if frames.framing.crop is None and not augmentation.changes_values:
        return _load(frames, index, symmetry)
    place, values = draw_changes(augmentation, seed)
    image, *others = _load(frames, index, symmetry, None if frames.framing.crop is None else place)
    return change_values(augmentation, image, values), *others


def _load(frames, index, symmetry, place=None):
    target_type = tf.float32 if frames.dataset.image_pairs else tf.int32
    image, target, weights = tf.numpy_function(
        lambda i, turned, *at: frames.turned(
            int(i), *map(int, turned), *(Place(*map(float, one)) for one in at)
        ),
        [index, symmetry] if place is None else [index, symmetry, place],
        [tf.float32, target_type, tf.float32],
        stateful=False,
    )
    image.set_shape(frames.frame_shape)
    target.set_shape(frames.target_shape)
    weights.set_shape(frames.frame_shape[:2])
    return image, target, weights
