"""The three endpoints of an exported segmenter, and how each encoded image becomes a tensor."""

import tensorflow as tf


def endpoints(segmenter):
    """Functions to export by signature name.

    Args:
        segmenter: `Segmenter`, with N images of H x W x C and K classes.

    Returns:
        Dict of `(function, input signature)`:
        `serving_default`: `images` float32 `(N, H, W, C)` in the model's value range to `probabilities`
        float32 `(N, H, W, K)` and `labels` int32 `(N, H, W)` (int32, as it indexes arrays in any client), and
        where the model gives it `gap` float32 `(N,)`;
        `serving_uint8`: `images` uint8 `(N, H, W, C)` in 0..255, scaled in the graph, to the same;
        `serving_bytes`: `image_bytes` string `(N,)` to `labels_png_bytes` string `(N,)`, 8-bit up to
        256 classes and 16-bit beyond. One bad file fails its whole request with INVALID_ARGUMENT.
    """
    shape = (None, None, None, segmenter.num_channels)

    def from_floats(images):
        return _answer(segmenter, images)

    def from_integers(images):
        return _answer(segmenter, scale_to(images, segmenter.value_range))

    def from_files(image_bytes):
        def label_one(contents):
            image = decode_image(contents, segmenter.num_channels, segmenter.value_range)
            labels = _answer(segmenter, image[tf.newaxis])["labels"][0]
            return encode_labels(labels, segmenter.num_classes)

        return {"labels_png_bytes": tf.map_fn(label_one, image_bytes, fn_output_signature=tf.string)}

    return {
        "serving_default": (from_floats, [tf.TensorSpec(shape, tf.float32, name="images")]),
        "serving_uint8": (from_integers, [tf.TensorSpec(shape, tf.uint8, name="images")]),
        "serving_bytes": (from_files, [tf.TensorSpec((None,), tf.string, name="image_bytes")]),
    }


def _answer(segmenter, images):
    probabilities, *gap = segmenter.answer(images)
    labels = tf.argmax(probabilities, axis=-1, output_type=tf.int32)
    answer = {"probabilities": probabilities, "labels": labels}
    return {**answer, "gap": gap[0]} if gap else answer


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


def encode_labels(labels, num_classes):
    """PNG file (scalar string) of int32 `labels` `(height, width)`, 8-bit or beyond 256 classes 16-bit."""
    dtype = tf.uint8 if num_classes <= 256 else tf.uint16
    with tf.device("cpu:0"):
        return tf.io.encode_png(tf.cast(labels, dtype)[..., tf.newaxis])
