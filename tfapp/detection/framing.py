"""Size that images have in front of a detector: a common scale, and sides that its stride divides."""

import numpy as np
import tensorflow as tf

from tfapp.errors import InputError


def scale_of(height, width, shorter, longer):
    """Return the factor that makes the shorter side of an image `shorter`, or its longer side `longer` if that is less.

    Args:
        height, width: Of the image, numbers or scalar tensors.
        shorter, longer: Pixels.

    Returns:
        Scalar float32 tensor.

    Reference:
        R. Girshick, "Fast R-CNN", ICCV 2015, section 5.2.
    """
    sides = tf.cast(tf.stack([height, width]), tf.float32)
    return tf.minimum(shorter / tf.reduce_min(sides), longer / tf.reduce_max(sides))


def resized(images, scale):
    """Return images by a factor larger or smaller, float32 (..., height, width, 3), by bilinear interpolation.

    Smaller ones are smoothed before, so that nothing flickers. As TensorFlow computes it, in training and in exports.

    Args:
        images: float32 (..., height, width, 3) in [0, 1].
        scale: Number, or scalar tensor.
    """
    shape = tf.shape(images)[-3:-1]
    size = tf.maximum(tf.cast(tf.round(tf.cast(shape, tf.float32) * scale), tf.int32), 1)
    return tf.image.resize(images, size, "bilinear", antialias=True)


def padded_side(side, stride):
    """Return the least multiple of a stride that is no smaller than a side; both numbers or tensors."""
    return -(-side // stride) * stride


def together(images, stride):
    """Return images of several sizes in one array, float32 (count, height, width, 3), zeros below and to the right.

    Args:
        images: float32 arrays (height, width, 3).
        stride: What divides the common height and width.
    """
    height, width = (padded_side(max(image.shape[axis] for image in images), stride) for axis in (0, 1))
    found = np.zeros((len(images), height, width, 3), np.float32)
    for row, image in zip(found, images, strict=True):
        row[: image.shape[0], : image.shape[1]] = image
    return found


def check_sides(shorter, longer):
    """Raise InputError unless the sides of images are a few pixels at least, the shorter one first."""
    if not 32 <= shorter <= longer <= 8192:
        raise InputError(
            "`shorter_side` and `longer_side` must be pixels from 32 to 8,192, the shorter one no longer than the "
            f"other; got {shorter} and {longer}."
        )


def check_image_size(name, size, shorter, longer, stride):
    """Raise InputError for an image that is so thin that, when it is scaled, it has less than one feature across.

    Args:
        name: Of the image, for the message.
        size: (height, width) in pixels.
        shorter, longer: As of `scale_of`.
        stride: Pixels of one feature.
    """
    across = min(size) * min(shorter / min(size), longer / max(size))
    if across < stride:
        raise InputError(
            f"{name} has {size[1]}x{size[0]} pixels: scaled to a longer side of {longer} it is {across:.1f} pixels "
            f"across, and a cell of the features has {stride}; leave the image out, or train with a larger "
            "`longer_side`."
        )
