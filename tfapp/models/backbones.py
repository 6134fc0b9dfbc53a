"""Trained networks that other networks are built on, with images in [0, 1] in front of them."""

import math
import sys
from pathlib import Path

import keras

from tfapp.errors import InputError
from tfapp.models.weights import first_sentence, load_weights_file


def application_network(name, shape, weights, pooling=None):
    """Return a network of keras.applications without its top, and a function from images in [0, 1] to what it takes.

    Args:
        name: Such as `ResNet101`.
        shape: (height, width, 3) of the images, sides None for any.
        weights: A file of its weights without the top, or `imagenet`, for which Keras downloads them unless it has
            them.
        pooling: As Keras takes it.

    Raises:
        InputError: No such network or weights, or one that cannot be built for these images.
    """
    function = getattr(keras.applications, name, None)
    if not (callable(function) and name[:1].isupper()):
        raise InputError(
            f"Unknown backbone {name!r}; expected a network of keras.applications, such as ResNet101, or a .keras file."
        )
    _check_weights(name, weights)
    network = _built(
        function, name, {"include_top": False, "pooling": pooling, "input_shape": shape}, weights
    )
    # Each family was trained on pixels of its own kind, which its module knows.
    preprocess = sys.modules[function.__module__].preprocess_input
    return network, lambda images: preprocess(keras.layers.Rescaling(255.0)(images))


def _check_weights(name, weights):
    if weights is None:
        raise InputError(
            f"{name} needs trained weights; give `weights` FILE, of keras.applications.{name} without its top, or "
            "`weights` imagenet, for which Keras downloads that file unless it has it already."
        )
    if weights != "imagenet" and not Path(weights).is_file():
        raise InputError(
            f"The weights {weights} do not exist; expected a file of keras.applications.{name} without its top, or the "
            "word imagenet."
        )


def _built(function, name, options, weights):
    network = _without_weights(function, name, options)
    if weights != "imagenet":
        load_weights_file(network, Path(weights), f"keras.applications.{name} without its top")
        return network
    try:
        return function(weights="imagenet", **options)
    except Exception as error:  # Keras raises nothing narrower when a download fails
        raise InputError(
            f"Keras could not download the weights of {name} ({first_sentence(error)}); give the path of their file by "
            "`weights` instead of imagenet."
        ) from error


def _without_weights(function, name, options):
    try:
        return function(weights=None, **options)
    except (ValueError, TypeError) as error:
        height, width, _ = options["input_shape"]
        raise InputError(
            f"{name} cannot be built for {width}x{height} images ({first_sentence(error)})."
        ) from error


def check_input_scale(input_scale):
    """Raise InputError unless what a file is said to take for white is None or a number above 0."""
    if input_scale is not None and not (math.isfinite(input_scale) and input_scale > 0):
        raise InputError(f"`input_scale` must be a number above 0, such as 255; got {input_scale}.")


def as_taken(images, taken, scale):
    """Return images as the input of a model takes them.

    Args:
        images: Keras tensor, images in [0, 1].
        taken: Input of the model.
        scale: What it takes for white.
    """
    x = images
    if scale != 1.0:
        x = keras.layers.Rescaling(scale)(x)
    if "int" in taken.dtype:
        # 8-bit values divided by 255 and multiplied again are a little below or above what they were.
        x = keras.ops.cast(keras.ops.round(x), taken.dtype)
    return x
