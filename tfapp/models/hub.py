"""Trained networks of keras-hub, with images in [0, 1] in front of them."""

import os

import keras

from tfapp.errors import InputError
from tfapp.models.weights import first_sentence

PREFIX = "keras-hub:"
INSTALL = 'pip install "tfapp[hub]"'


def with_full_preset(name):
    """Return the name of a backbone, where it is a folder of keras-hub with its full path."""
    preset = os.path.expanduser(name.removeprefix(PREFIX))
    is_folder = name.startswith(PREFIX) and os.path.isdir(preset)
    return PREFIX + os.path.realpath(preset) if is_folder else name


def hub_network(name, input_scale=None):
    """Return a backbone of keras-hub, and a function from images in [0, 1] to what it takes.

    Args:
        name: `keras-hub:` and a preset: a folder that `save_to_preset` wrote, or the name of one that keras-hub
            downloads unless it has it.
        input_scale: What it takes for white; None for what the image converter of the preset says.

    Raises:
        InputError: keras-hub is not installed, no such preset, one without a backbone for images, or one that does
            not say which values it takes.
    """
    preset = os.path.expanduser(name.removeprefix(PREFIX))
    try:
        import keras_hub
    except ImportError as error:
        raise InputError(f"{name} takes keras-hub ({first_sentence(error)}): {INSTALL}.") from None
    try:
        network = keras_hub.models.Backbone.from_preset(preset)
    except Exception as error:  # keras-hub raises whatever its loaders, Keras and the network give
        raise InputError(
            f"keras-hub has no backbone {preset} ({first_sentence(error)}); expected the name of a preset, or a folder "
            "that save_to_preset wrote."
        ) from error
    inputs = getattr(network, "inputs", [])
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].shape[-1] != 3:
        raise InputError(f"{name} is no network of images (height, width, 3).")
    if input_scale is not None:
        return network, keras.layers.Rescaling(float(input_scale))
    return network, _converted(keras_hub, preset, name)


def _converted(keras_hub, preset, name):
    """Return what turns images in [0, 1] into what the image converter of a preset makes of [0, 255]."""
    try:
        converter = keras_hub.layers.ImageConverter.from_preset(preset)
    except Exception:  # as above: a preset without one is no error of its own class
        raise InputError(
            f"{name} has no image converter that says which values it takes; say by `input_scale` what it takes for "
            "white, such as 1 or 255."
        ) from None
    scale = 1.0 if converter.scale is None else converter.scale
    offset = 0.0 if converter.offset is None else converter.offset

    def convert(images):
        return keras.layers.Rescaling(scale, offset)(keras.layers.Rescaling(255.0)(images))

    return convert
