"""Trained weights from files that the user names."""

import re
import warnings
from pathlib import Path

import keras

from tfapp.errors import InputError
from tfapp.files import check_regular_file
from tfapp.layers.open_sizes import take_open_sizes
from tfapp.models.keras_archive import bounded_variables, check_weights, checked_archive


def load_weights_file(model, path, network):
    """Load a weights file into a model of `keras.applications`.

    Args:
        model: The model, as `keras.applications` built it.
        path: `Path` of the file, `.weights.h5`, or `.h5` as Keras publishes it.
        network: What the file should be of, for the message, such as "keras.applications.VGG16 without its top".

    Raises:
        InputError: If the file is not one of these weights.
    """
    check_regular_file(path, "a weights file")
    try:
        check_weights(Path(path), path, "content")
        with warnings.catch_warnings():
            # Of parts that the file lacks: the error that follows says it.
            warnings.simplefilter("ignore")
            model.load_weights(path)
    except Exception as error:  # Keras and HDF5 raise nearly anything of a damaged file
        raise InputError(
            f"{path} is not a weights file (.weights.h5 or .h5) of {network} ({first_sentence(error)})."
        ) from error


def first_sentence(error):
    """Return the first sentence of an exception's text, without its full stop."""
    return str(error).strip().partition("\n")[0].partition(". ")[0].rstrip(".")


def load_keras_model(path, compiled=False):
    """Return the model of a `.keras` file.

    Args:
        path: `Path` of the file. It is loaded in Keras's safe mode: no code from the file is run. What it declares is
            compared with the limits of `tfapp.models.keras_archive` first.
        compiled: Whether with its loss and its optimizer, as it was saved.

    Raises:
        InputError: The file is missing, damaged, asks for more memory than it has weights for, or needs what is not
            installed or not known here.
    """
    size = checked_archive(path)
    try:
        with bounded_variables(size, path):
            model = keras.models.load_model(path, compile=compiled, safe_mode=True)
    except InputError:
        raise
    except RecursionError as error:
        raise InputError(f"{path} cannot be loaded: its models are nested too deeply.") from error
    except Exception as error:  # layers and their packages may raise anything while they are made
        raise InputError(_why_not_loaded(path, str(error))) from error
    take_open_sizes(model)
    return model


def _why_not_loaded(path, reason):
    bounded = re.search(r"declares layers with more weights.*was edited\.", reason)
    if bounded:
        return f"{path} {bounded[0]}"
    package = re.search(r"its parent module (\w+)[\w.]* cannot be imported", reason)
    if package:
        return f"{path} needs the package {package[1]}, which is not installed here."
    unknown = re.search(r"Could not locate (class|function) '([^']+)'", reason)
    if unknown:
        return (
            f"{path} needs the {unknown[1]} {unknown[2]}, which is not known here; use tfapp.layers.tv.attach and "
            "tfapp.export.export in code that imports it."
        )
    return f"{path} cannot be loaded: it is damaged, or of another Keras ({_first_sentence(reason)})."


def _first_sentence(text):
    return text.strip().partition("\n")[0].partition(". ")[0].rstrip(".")[:200]
