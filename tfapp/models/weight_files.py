"""Weights of a network of keras.applications from a file that the user names."""

import warnings

from tfapp.errors import InputError


def load_weights_file(model, path, network):
    """Load a weights file into a model of `keras.applications`.

    Args:
        model: The model, as `keras.applications` built it.
        path: `Path` of the file, `.weights.h5`, or `.h5` as Keras publishes it.
        network: What the file should be of, for the message, such as "keras.applications.VGG16 without its top".

    Raises:
        InputError: If the file is not one of these weights.
    """
    try:
        with warnings.catch_warnings():
            # Of parts that the file lacks: the error that follows says it.
            warnings.simplefilter("ignore")
            model.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{path} is not a weights file (.weights.h5 or .h5) of {network} ({first_sentence(error)})."
        ) from error


def first_sentence(error):
    """Return the first sentence of an exception's text, without its full stop."""
    return str(error).strip().partition("\n")[0].partition(". ")[0].rstrip(".")
