"""The two endpoints of an exported pose network, and how an encoded depth image becomes a tensor."""

import tensorflow as tf

from tfapp.export.image_files import of_size
from tfapp.export.pose_network import OUTPUTS
from tfapp.export.requests import BYTES, DEFAULT

# Byte 24 of a PNG file is its bit depth, byte 25 its colour type (PNG specification, IHDR): 16 bits, grey.
_SIGNATURE, _DEEP_GREY = b"\x89PNG\r\n\x1a\n", b"\x10\x00"
_EXPECTED = "depth_bytes must be 16-bit grey PNG files"


def pose_endpoints(network):
    """Functions to export by signature name.

    Args:
        network: `PoseNetwork`, of N instances in images of H x W.

    Returns:
        Dict of `(function, input signature)`, B scenes in a request:
        `serving_default`: `depth` float32 `(B, H, W)` in metres to `quaternion` float32 `(B, N, 4)`, `translation`
        float32 `(B, N, 3)` in metres and `reflected` bool `(B, N)` (true and false also in JSON);
        `serving_bytes`: `depth_bytes` string `(B,)`, 16-bit grey PNG files in steps of the camera's `depth_scale`, to
        the same. One bad file fails its whole request with INVALID_ARGUMENT.
    """
    size = (network.camera["height"], network.camera["width"])

    def from_depth(depth):
        found = network.answer(depth)
        return {alias: found[alias] for alias in OUTPUTS}

    def from_files(depth_bytes):
        one = tf.TensorSpec(size, tf.float32)
        decoded = tf.map_fn(
            lambda contents: decode_depth(contents, network.camera), depth_bytes, fn_output_signature=one
        )
        return from_depth(decoded)

    return {
        DEFAULT: (from_depth, [tf.TensorSpec((None, *size), tf.float32, name="depth")]),
        BYTES: (from_files, [tf.TensorSpec((None,), tf.string, name="depth_bytes")]),
    }


def decode_depth(contents, camera):
    """Decode a 16-bit grey PNG file (scalar string tensor) to depth float32 `(height, width)` in metres.

    Args:
        contents: The file.
        camera: Dict of `height`, `width` and `depth_scale`, the millimetres of one step.
    """
    size = (camera["height"], camera["width"])
    # Decoding has CPU kernels only; left open, a server with a GPU may fail to place it inside map_fn.
    with tf.device("cpu:0"):
        # TensorFlow would stretch 8 bits to 16, and mix colours: depths, but wrong ones.
        with tf.control_dependencies([tf.debugging.Assert(_is_deep_grey(contents), [_EXPECTED])]):
            steps = tf.io.decode_png(contents, 1, tf.uint16)
        steps = of_size(steps, size, "depth_bytes")[..., 0]
        return tf.cast(steps, tf.float32) * (camera["depth_scale"] / 1000)


def _is_deep_grey(contents):
    # Beyond the end of a damaged file substr would fail first, with a message about positions.
    place = tf.minimum(24, tf.strings.length(contents))
    is_png = tf.equal(tf.strings.substr(contents, 0, len(_SIGNATURE)), _SIGNATURE)
    return tf.logical_and(is_png, tf.equal(tf.strings.substr(contents, place, 2), _DEEP_GREY))
