"""From a place in `ImageFiles` to its image, cropped to a fixed size."""

import numpy as np
import tensorflow as tf

from tfapp.errors import InputError
from tfapp.models import resize_images

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
