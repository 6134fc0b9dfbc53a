"""How an encoded image becomes a tensor, and how labels become an encoded image."""

import tensorflow as tf


def scale_to(integers, value_range):
    """Unsigned integers, 0 to the largest of their dtype, as float32 over `value_range`."""
    low, high = value_range
    return tf.cast(integers, tf.float32) / integers.dtype.max * (high - low) + low


def decode_image(contents, num_channels, value_range=(0.0, 1.0)):
    """Decode one file as Pillow would: exact JPEG transform, 16-bit PNG at full depth, ITU-R 601 grey.

    `tf.io.decode_image` alone differs from Pillow by up to 3 grey levels on JPEG (its default transform is
    the fast one), keeps the high byte of 16-bit PNG only, and refuses BMP and GIF for one channel.
    Alpha is dropped, not blended; orientation tags are not applied.

    Args:
        contents: Scalar string tensor, a PNG, JPEG, BMP or GIF file.
        num_channels: 3 (RGB) or 1 (grey).
        value_range: Values of black and white.

    Returns:
        float32 tensor `(height, width, num_channels)`.
    """
    # Decoding has CPU kernels only; left open, a server with a GPU may fail to place it inside map_fn.
    with tf.device("cpu:0"):
        image = tf.cond(
            tf.io.is_jpeg(contents),
            lambda: _scaled(
                tf.io.decode_jpeg(contents, 3, dct_method="INTEGER_ACCURATE"), num_channels, value_range
            ),
            lambda: _decode_other(contents, num_channels, value_range),
        )
    image.set_shape((None, None, num_channels))
    return image


def _decode_other(contents, num_channels, value_range):
    # Byte 24 of a PNG file is its bit depth (PNG specification, IHDR). Beyond the end of a damaged file
    # substr would fail first, with a message about positions; decode_image names the formats instead.
    depth_at = tf.minimum(24, tf.strings.length(contents))
    is_png = tf.equal(tf.strings.substr(contents, 0, 4), b"\x89PNG")
    is_deep = tf.logical_and(is_png, tf.equal(tf.strings.substr(contents, depth_at, 1), b"\x10"))
    return tf.cond(
        is_deep,
        lambda: _scaled(tf.io.decode_png(contents, 3, tf.uint16), num_channels, value_range),
        lambda: _scaled(tf.io.decode_image(contents, 3, expand_animations=False), num_channels, value_range),
    )


def _scaled(colours, num_channels, value_range):
    return scale_to(colours if num_channels == 3 else _grey(colours), value_range)


def _grey(colours):
    # Pillow's integer weights of convert("L"): 0.299, 0.587, 0.114 in 1/65536; they leave grey images alone.
    # int64, as 65535 * 65536 overflows int32.
    weights = tf.constant([19595, 38470, 7471], tf.int64)
    total = tf.reduce_sum(tf.cast(colours, tf.int64) * weights, axis=-1, keepdims=True)
    return tf.cast((total + 32768) // 65536, colours.dtype)


def of_size(image, size, alias):
    """Return `image` `(height, width, channels)`, or fail with INVALID_ARGUMENT if it has not the `size` that
    files of the input `alias` must have."""
    told = f"{alias} must hold images {size[0]} pixels high and {size[1]} wide, got"
    found = tf.shape(image)[:2]
    right = tf.reduce_all(tf.equal(found, size))
    with tf.control_dependencies([tf.debugging.Assert(right, [told, found])]):
        image = tf.identity(image)
    image.set_shape((*size, image.shape[-1]))
    return image


def encode_labels(labels, num_classes):
    """PNG file (scalar string) of int32 `labels` `(height, width)`, 8-bit or beyond 256 classes 16-bit."""
    dtype = tf.uint8 if num_classes <= 256 else tf.uint16
    with tf.device("cpu:0"):
        return tf.io.encode_png(tf.cast(labels, dtype)[..., tf.newaxis])
