"""Limits of a `.keras` file: what it declares, and what it would make of memory, is looked at before it is loaded."""

import contextlib
import io
import json
import zipfile

import h5py
import tensorflow as tf

from tfapp.archives import DAMAGED
from tfapp.errors import InputError

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", ("model.weights.h5", "model.weights.npz")
MEGABYTE = 2**20
# The largest network of keras.applications has a configuration of 1 MB.
LARGEST_JSON = 64 * MEGABYTE
# Keras stores without compression; weights that somebody compressed shrink by little, noise as they are.
LARGEST_RATIO, ALWAYS_ALLOWED = 20, 64 * MEGABYTE
# A loaded model nests a few levels for each model inside a model; Python follows a thousand calls.
DEEPEST_CONFIG = 200
# Variables of a quantised model are larger when they are made than in the file.
LARGEST_GROWTH = 4
# Layers whose code is pickled, or Python's own byte code, in the file.
CODE_LAYERS = {
    "Lambda": "Lambda layer",
    "TorchModuleWrapper": "TorchModuleWrapper layer",
}


def checked_archive(path):
    """Look at what a `.keras` file declares, and return the bytes that its weights take.

    Args:
        path: `Path` of the file.

    Returns:
        Size of all members in bytes, decompressed.

    Raises:
        InputError: It is no archive of Keras, declares or holds more than the limits of this module, has a layer
            whose code lies in the file, or no weights.
    """
    if not path.is_file():
        state = "is not a file" if path.exists() else "does not exist"
        raise InputError(f"The model {path} {state}; expected a .keras file.")
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path} is empty, damaged or not a file that Keras's model.save() wrote.")
    try:
        with zipfile.ZipFile(path) as archive:
            size = _checked_sizes(archive, path)
            config = _config(archive, path)
            names = archive.namelist()
            if WEIGHTS[0] in names:
                check_weights(io.BytesIO(archive.read(WEIGHTS[0])), path, WEIGHTS[0])
    except InputError:
        raise
    except DAMAGED as error:
        raise InputError(f"{path} is damaged: it is no archive that can be read ({error}).") from error
    _check_config(config, path)
    if not any(name in names for name in WEIGHTS):
        raise InputError(
            f"{path} has no weights; expected {WEIGHTS[0]} in it, as Keras's model.save() writes."
        )
    return size


def check_weights(file, path, name):
    """Refuse arrays that an HDF5 file declares and does not hold: reading them would take what they declare.

    Args:
        file: The file, as its path or a binary stream.
        path, name: Of the file for people, and of the weights in it.

    Raises:
        InputError: It is damaged, declares more than the limits of this module, or has arrays in other files.
    """
    declared = 0

    def add(below, item):
        nonlocal declared
        if isinstance(item, h5py.Dataset):
            if item.external or item.is_virtual:
                raise InputError(
                    f"{path} has weights that lie in another file ({below}); save the model again."
                )
            declared += item.size * item.dtype.itemsize

    try:
        with h5py.File(file) as opened:
            opened.visititems(add)
    except (OSError, RuntimeError, TypeError) as error:
        raise InputError(f"{path} cannot be loaded: its {name} is damaged ({error}).") from error
    held = file.seek(0, io.SEEK_END) if hasattr(file, "seek") else path.stat().st_size
    if declared > LARGEST_RATIO * held + ALWAYS_ALLOWED:
        raise InputError(
            f"{path} declares {declared / MEGABYTE:.0f} MB of weights and holds {held / MEGABYTE:.1f} MB; "
            "it is damaged, or was edited."
        )


@contextlib.contextmanager
def bounded_variables(size, path):
    """Refuse to make more variables than a file has weights for, before their memory is allocated.

    Args:
        size: Bytes that the file's weights take.
        path: `Path` of the file, for the message.

    Raises:
        InputError: A layer asks for more.
    """
    left = LARGEST_GROWTH * size + ALWAYS_ALLOWED

    def make(next_creator, **options):
        nonlocal left
        left -= _bytes_of(options.get("initial_value"), options.get("dtype"))
        if left < 0:
            raise InputError(
                f"{path} declares layers with more weights than it holds: they would take more than "
                f"{(LARGEST_GROWTH * size + ALWAYS_ALLOWED) / MEGABYTE:.0f} MB, the file has "
                f"{size / MEGABYTE:.1f} MB. It is damaged, or was edited."
            )
        return next_creator(**options)

    with tf.variable_creator_scope(make):
        yield


def _bytes_of(initial_value, dtype):
    # In a graph of its own the initializer tells its shape and computes nothing.
    with tf.Graph().as_default():
        value = initial_value() if callable(initial_value) else initial_value
        shape = getattr(value, "shape", ())
    elements = 1
    for length in shape:
        elements *= int(length)
    return elements * tf.as_dtype(dtype or getattr(value, "dtype", tf.float32)).size


def _checked_sizes(archive, path):
    members = archive.infolist()
    size, stored = sum(one.file_size for one in members), sum(one.compress_size for one in members)
    if size > LARGEST_RATIO * stored + ALWAYS_ALLOWED:
        raise InputError(
            f"{path} would take {size / MEGABYTE:.0f} MB from {stored / MEGABYTE:.1f} MB; expected at most "
            f"{LARGEST_RATIO} times its size, as weights do not compress further."
        )
    for member in members:
        if member.filename in (CONFIG, METADATA) and member.file_size > LARGEST_JSON:
            raise InputError(
                f"{path} has a {member.filename} of {member.file_size / MEGABYTE:.0f} MB; expected at most "
                f"{LARGEST_JSON // MEGABYTE} MB."
            )
    return size


def _config(archive, path):
    if CONFIG not in archive.namelist():
        raise InputError(f"{path} cannot be loaded: it is damaged, or of another Keras (it has no {CONFIG}).")
    try:
        # Of a member that is longer than it declares no more is read than it declares.
        return json.loads(archive.read(CONFIG))
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else "no JSON"
        raise InputError(f"{path} cannot be loaded: its {CONFIG} is {reason}.") from error


def _check_config(config, path):
    """Walk through a configuration without recursion."""
    waiting = [(config, 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > DEEPEST_CONFIG:
            raise InputError(
                f"{path} cannot be loaded: its {CONFIG} is nested more than {DEEPEST_CONFIG} levels deep."
            )
        if isinstance(value, dict):
            name = value.get("class_name")
            if isinstance(name, str) and name in CODE_LAYERS:
                raise InputError(
                    f"{path} has a {CODE_LAYERS[name]}, whose code is not run from a file; write the layer as a class "
                    "or an operation of keras.ops and save the model again."
                )
            value = list(value.values())
        if isinstance(value, list):
            waiting += [(one, depth + 1) for one in value if isinstance(one, dict | list)]
