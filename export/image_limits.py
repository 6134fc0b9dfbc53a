"""What is refused of the images of a request: too many pixels, none, and values that are not finite."""

import tensorflow as tf


def finite(images):
    """Return `images`, or fail with INVALID_ARGUMENT if they have NaN or infinite values.

    The label of such a pixel would be the first class, as if something had been seen there.
    """
    wrong = tf.math.count_nonzero(~tf.math.is_finite(images))
    told = "images must be finite, got NaN or infinite values:"
    with tf.control_dependencies([tf.debugging.Assert(tf.equal(wrong, 0), [told, wrong])]):
        return tf.identity(images)


def limited(images, max_pixels):
    """Return `images` `(batch, height, width, channels)`, or fail with INVALID_ARGUMENT.

    They fail if they have more pixels than `max_pixels` together, or if there is an image without one.
    """
    shape = tf.shape(images, tf.int64)
    empty = tf.debugging.Assert(
        tf.reduce_all(shape[1:3] > 0),
        ["images must have at least one pixel, got height and width", shape[1:3]],
    )
    with tf.control_dependencies([empty, within_limit(tf.reduce_prod(shape[:3]), max_pixels)]):
        return tf.identity(images)


def within_limit(pixels, max_pixels):
    """Fail with INVALID_ARGUMENT if there are more `pixels` in a request than `max_pixels`."""
    told = f"a request may hold at most {max_pixels} pixels, all images together; send fewer or smaller ones. Got"
    with tf.device("cpu:0"):
        return tf.debugging.Assert(pixels <= max_pixels, [told, pixels])
