"""Writers of what TensorBoard shows."""

from importlib.util import find_spec

import tensorflow as tf

from tfapp.errors import InputError


def check_tensorboard() -> None:
    """Raise InputError if TensorBoard is not installed: `tf.summary` has no pictures and scalars without it."""
    if find_spec("tensorboard") is None:
        raise InputError('Writing for TensorBoard needs its package; pip install "tfapp[tensorboard]".')


def summary_writer(log_dir):
    """Return a writer into a folder, which is made when the first summary is written."""
    return tf.summary.create_file_writer(str(log_dir))
