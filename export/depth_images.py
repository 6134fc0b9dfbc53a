"""Depth images of requests: PNG files of 16 bits, and what is refused of depth in metres."""

import tensorflow as tf

from tfapp.export.image_headers import big, bytes_at, read_header
from tfapp.export.images import of_size, size_assertion

# Metres in which depth images of parts in a bin lie, as where they are read for training.
_USUAL = (0.01, 10.0)
# Byte 24 of a PNG file is its bit depth, byte 25 its colour type (PNG specification, IHDR): 16 bits, grey.
_SIGNATURE, _DEEP_GREY = b"\x89PNG\r\n\x1a\n", b"\x10\x00"
_EXPECTED = "depth_bytes must be 16-bit grey PNG files"
_TURNED = "depth_bytes must not be turned by EXIF: turn the pixels, and save the file without the note"
NOTHING = 65535  # what cameras write where nothing was measured


def is_measured(depth):
    """Return where depth, a float tensor, is finite and above 0, bool of the same shape."""
    return tf.math.is_finite(depth) & (depth > 0)


def in_metres(depth, size):
    """Return depth `(batch, height, width)`, or fail with INVALID_ARGUMENT: it has another size, or is not in metres.

    As where depth is read for training, an image may have some distances that no part has, and not more than half.

    Args:
        depth: float32 tensor.
        size: Height and width that it must have; a session does not compare it with the signature.
    """
    right_size = size_assertion(tf.shape(depth)[1:], size, "depth")
    with tf.control_dependencies([right_size]):
        depth = tf.identity(depth)
    depth.set_shape((None, *size))
    measured = is_measured(depth)
    low, high = _USUAL
    outside = measured & ((depth < low) | (depth > high))
    half = [tf.reduce_sum(tf.cast(pixels, tf.int32), [1, 2]) for pixels in (outside, measured)]
    usual = tf.reduce_all(2 * half[0] <= half[1])
    told = f"depth must be in metres, {low:g} to {high:g} for most of what was measured, got"
    ends = [fold(tf.where(measured, depth, low)) for fold in (tf.reduce_min, tf.reduce_max)]
    with tf.control_dependencies([tf.debugging.Assert(usual, [told, *ends])]):
        return tf.identity(depth)


def decode_depth(contents, camera, nothing=0.0):
    """Decode a 16-bit grey PNG file (scalar string tensor) to depth float32 `(height, width)` in metres.

    As where depth is read for training, 65535 is nothing measured. An animation, and a file whose EXIF says that it is
    turned, are refused.

    Args:
        contents: The file.
        camera: Dict of `height`, `width` and `depth_scale`, the millimetres of one step.
        nothing: Depth where the file has 65535.
    """
    size = (camera["height"], camera["width"])
    # Decoding has CPU kernels only; left open, a server with a GPU may fail to place it inside map_fn.
    with tf.device("cpu:0"):
        # TensorFlow would stretch 8 bits to 16, and mix colours: depths, but wrong ones.
        right_kind = tf.debugging.Assert(_is_deep_grey(contents), [_EXPECTED])
        # Before decoding: a file of a few kilobytes may hold any number of pixels.
        with tf.control_dependencies([right_kind]):
            told_size = tf.stack([big(bytes_at(contents, 20, 4)), big(bytes_at(contents, 16, 4))])
        right_size = size_assertion(told_size, size, "depth_bytes")
        with tf.control_dependencies([right_size]):
            header = read_header(contents)
        upright = tf.debugging.Assert(header.orientation == 1, [_TURNED])
        whole = tf.debugging.Assert(header.problem == "", [header.problem])
        with tf.control_dependencies([upright, whole]):
            steps = tf.io.decode_png(contents, 1, tf.uint16)
        steps = of_size(steps, size, "depth_bytes")[..., 0]
        depth = tf.cast(steps, tf.float32) * (camera["depth_scale"] / 1000)
        return tf.where(steps == NOTHING, nothing, depth)


def _is_deep_grey(contents):
    # Beyond the end of a damaged file substr would fail first, with a message about positions.
    place = tf.minimum(24, tf.strings.length(contents))
    is_png = tf.equal(tf.strings.substr(contents, 0, len(_SIGNATURE)), _SIGNATURE)
    return tf.logical_and(is_png, tf.equal(tf.strings.substr(contents, place, 2), _DEEP_GREY))
