"""Classifiers as a person names them, built-in or saved, with the batches that they would be trained on."""

import warnings
import zipfile
from pathlib import Path

import tensorflow as tf

from tfapp.data import batch_stream, open_classification
from tfapp.errors import InputError
from tfapp.models.input_scale import chosen_scale
from tfapp.models.weights import load_keras_model
from tfapp.solvers.trainings.workload import Workload, objective


def open_classifier(name, data, *, batch_size, seed, weight_decay=0.0, input_scale=None, batch_norm=None):
    """Return a compiled classifier and endless batches of the training images for it.

    Args:
        name: One of `tfapp.models.CLASSIFIERS`, or the path of a `.keras` file.
        data: Images with labels, as `open_classification` takes them.
        batch_size: Images per batch.
        seed: Of the order of the images, and of the weights of a built-in network.
        weight_decay: Of a built-in network.
        input_scale: The value that a saved model takes for white; None for what it declares, or 1.
        batch_norm: Of a built-in network, as for `build_classifier`.

    Returns:
        The model; a `tf.data.Dataset` of (images, labels), the images resized to what a saved model takes; the value
        that it gets for white; and why, in words, empty for a built-in network.

    Raises:
        InputError: For an unknown network, a file that is not a compiled model, images that the model cannot take, or
            `batch_norm` of a file.
    """
    images = open_classification(data)
    if name.endswith(".keras"):
        if batch_norm is not None:
            raise InputError(
                f"`batch_norm` is for built-in networks; {name} has the layers that it was saved with."
            )
        model = _loaded(name)
        scale, reason = chosen_scale(model, name, input_scale)
        size = _size(model, images, name)
        stream = batch_stream(images.train, batch_size, seed, size=size, drop_remainder=True)
        dtype = model.inputs[0].dtype
        return model, stream.map(lambda x, y: (_scaled(x, scale, dtype), y)), scale, reason
    model = Workload(data, name, weight_decay=weight_decay, batch_norm=batch_norm).build(seed)
    model.compile("sgd", objective())
    return model, batch_stream(images.train, batch_size, seed, drop_remainder=True), 1.0, ""


def _scaled(images, scale, dtype):
    images *= scale
    # 8-bit values divided by 255 and multiplied again are a little below or above what they were.
    return tf.cast(tf.round(images), dtype) if "int" in dtype else images


def _loaded(path):
    if not Path(path).is_file():
        raise InputError(f"{path} does not exist; expected a .keras file or the name of a network.")
    if not zipfile.is_zipfile(path):
        raise InputError(
            f"{path} cannot be loaded as a Keras model: it is empty, damaged or of another kind."
        )
    with warnings.catch_warnings():
        # A model that was compiled and not trained yet; its optimizer is not needed.
        warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
        model = load_keras_model(Path(path), compiled=True)
    if not model.compiled:
        raise InputError(f"{path} was saved without its loss; compile the model before saving it.")
    return model


def _size(model, images, path):
    """Return the (height, width) that a model takes, or None for the images' own."""
    shape = model.input_shape
    channels = images.image_shape[-1]
    if not isinstance(shape, tuple) or len(shape) != 4 or shape[-1] not in (None, channels):
        raise InputError(
            f"{path} takes inputs of the shape {shape}; expected (None, height, width, {channels}) for {images.spec}."
        )
    if None not in shape[1:3]:
        return shape[1:3]
    if None in images.image_shape:
        raise InputError(
            f"The images of {images.spec} have many sizes, and {path} takes any; expected a fixed size."
        )
    return None
