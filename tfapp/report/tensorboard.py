"""Writers of what TensorBoard shows."""

from importlib.util import find_spec

import tensorflow as tf

from tfapp.errors import InputError

# DATA_CLASS_SCALAR and DATA_CLASS_BLOB_SEQUENCE of TensorFlow's summary.proto, which has no public name for them.
_SCALAR, _BLOBS = 1, 3


def check_tensorboard() -> None:
    """Raise InputError if TensorBoard is not installed: `tf.summary.scalar` and `image` do not work without it."""
    if find_spec("tensorboard") is None:
        raise InputError('Writing for TensorBoard needs its package; pip install "tfapp[tensorboard]".')


def summary_writer(log_dir):
    """Return a writer into a folder, which is made when the first summary is written."""
    return tf.summary.create_file_writer(str(log_dir))


def write_scalar(name, value, step) -> None:
    """Write a number with the default writer; needs no TensorBoard, unlike `tf.summary.scalar`.

    Args:
        name: Tag of the curve.
        value: Number.
        step: Integer >= 0.
    """
    metadata = _metadata("scalars", _SCALAR)
    tf.summary.write(name, tf.constant(value, tf.float32), step, metadata)


def write_png(name, png, step, width, height) -> None:
    """Write one picture with the default writer; needs no TensorBoard, unlike `tf.summary.image`.

    Args:
        name: Tag of the pictures.
        png: Content of a PNG file, bytes.
        step: Integer >= 0.
        width, height: Of the picture in pixels.
    """
    content = tf.constant([str(width).encode(), str(height).encode(), png])
    tf.summary.write(name, content, step, _metadata("images", _BLOBS))


def _metadata(plugin, data_class):
    """Return what makes TensorBoard show a tensor in one of its tabs."""
    metadata = tf.compat.v1.SummaryMetadata(data_class=data_class)
    metadata.plugin_data.plugin_name = plugin
    return metadata
