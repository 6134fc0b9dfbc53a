"""Weights of a trained VGG-16 for the encoders of SegNet and FCN, its fully connected layers among them."""

from pathlib import Path

import h5py
import keras
import numpy as np

from tfapp.errors import InputError
from tfapp.files import check_regular_file
from tfapp.models.vgg import encoder_convolutions
from tfapp.models.weights import first_sentence, load_keras_model, load_weights_file

FILE_NAME = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
TOP_FILE_NAME = FILE_NAME.replace("_notop", "")
# Convolutions that were fully connected, by their names in a segmenter, with those in VGG-16.
FULLY_CONNECTED = {"fc6": "fc1", "fc7": "fc2"}
# Inputs of VGG-16's first fully connected layer: 7x7 positions of 512 channels.
_INPUTS = 25_088


def load_encoder_weights(model, source):
    """Copy the convolutions of a trained VGG-16 into a model's encoder, and its fully connected layers where they are.

    The model must scale its images with `centre_as_imagenet` before the first convolution. Its layers `fc6` and `fc7`,
    if it has them, take `fc1` and `fc2` of VGG-16 as `as_convolution` says; from a file without them they stay as they
    are.

    Args:
        model: Keras model with a VGG-16 encoder on images of 3 channels (RGB); of base width 64, but for a `.keras`
            file of another width.
        source: Weights file of `keras.applications.VGG16`, with its top or without (`.weights.h5`, or `.h5` as Keras
            publishes it), a `.keras` file of a network whose layers have the names of VGG-16's, or `imagenet`, for
            which Keras downloads the file unless it has it already.

    Raises:
        InputError: If the encoder is not as wide as the trained one, the images are not RGB, or there is no such file.
    """
    convolutions = encoder_convolutions(model)
    is_archive = source != "imagenet" and Path(source).suffix == ".keras"
    if not is_archive:
        _check_first(convolutions[0], 64)
    top = any(layer.name in FULLY_CONNECTED for layer in model.layers)
    trained = _downloaded_vgg16(top) if source == "imagenet" else _stored_vgg16(Path(source))
    if is_archive:
        _check_first(convolutions[0], _weights_of(trained, convolutions[0].name, source)[0].shape[-1])
    for layer in convolutions:
        kernel, bias = _weights_of(trained, layer.name, source)
        # Caffe's channels are blue, green, red.
        _check_shape(layer, kernel, layer.kernel.shape, source)
        layer.set_weights([kernel[:, :, ::-1] if layer is convolutions[0] else kernel, bias])
    _copy_fully_connected(model, trained, source)


def load_fully_connected(model, source):
    """Copy the fully connected layers of a trained VGG-16 to the layers `fc6` and `fc7` of a model.

    Args:
        model: Keras model that has them, as dense layers or as convolutions.
        source: As for `load_encoder_weights`, with its top; of a file without it nothing is copied.

    Raises:
        InputError: As `load_encoder_weights`.
    """
    trained = _downloaded_vgg16(True) if source == "imagenet" else _stored_vgg16(Path(source))
    _copy_fully_connected(model, trained, source)


def _copy_fully_connected(model, trained, source):
    names = {layer.name for layer in trained.layers}
    if not set(FULLY_CONNECTED.values()) <= names:
        return
    for layer in model.layers:
        if layer.name in FULLY_CONNECTED:
            kernel, bias = _weights_of(trained, FULLY_CONNECTED[layer.name], source)
            *inputs, width = layer.kernel.shape
            _check_shape(layer, kernel, (np.prod(inputs), width), source)
            is_dense = isinstance(layer, keras.layers.Dense)
            layer.set_weights([kernel if is_dense else as_convolution(kernel, layer.kernel_size), bias])


def as_convolution(kernel, size):
    """Return a dense kernel, on the flattened positions of a feature map, as the kernel of a convolution.

    Where its window covers the whole map, the convolution has the output of the dense layer: Long et al. (2015),
    section 3.1.

    Args:
        kernel: (height * width * channels, width of the layer), the channels of a position beside each other.
        size: (height, width) of the map.

    Returns:
        Array (height, width, channels, width of the layer).
    """
    return kernel.reshape(*size, -1, kernel.shape[-1])


def has_fully_connected(source):
    """Return whether weights have VGG-16's fully connected layers; `source` is that of `load_encoder_weights`.

    Raises:
        InputError: If the file is missing or cannot be read.
    """
    if source == "imagenet":
        return True
    path = Path(source)
    _check_there(path)
    if path.suffix == ".keras":
        return set(FULLY_CONNECTED.values()) <= {layer.name for layer in load_keras_model(path).layers}
    return _classes(path) is not None


def _check_first(layer, expected):
    *_, channels, width = layer.kernel.shape
    if (channels, width) != (3, expected):
        raise InputError(
            f"The weights of VGG-16 are for RGB images and an encoder of `base_width` {expected}; "
            f"got images of {channels} channel(s) and a base width of {width}."
        )


def _weights_of(trained, name, source):
    layer = next((layer for layer in trained.layers if layer.name == name), None)
    weights = [] if layer is None else layer.get_weights()
    if len(weights) != 2:
        raise InputError(
            f"{source} has no layer {name} with a kernel and a bias; expected a network whose layers have the names of "
            "keras.applications.VGG16."
        )
    return weights


def _check_shape(layer, kernel, expected, source):
    if kernel.shape != tuple(expected):
        raise InputError(
            f"The layer of {source} for {layer.name} has a kernel of {_text(kernel.shape)}; expected "
            f"{_text(expected)}: use weights of VGG-16."
        )


def _text(shape):
    return "x".join(map(str, shape))


def _check_there(path):
    if not path.is_file():
        raise InputError(
            f"The encoder weights {path} do not exist; expected a file of keras.applications.VGG16, such as "
            f"{FILE_NAME}, or the word imagenet."
        )


def _stored_vgg16(path):
    _check_there(path)
    if path.suffix == ".keras":
        return load_keras_model(path)
    classes = _classes(path)
    if classes is None:
        vgg = keras.applications.VGG16(weights=None, include_top=False)
        load_weights_file(vgg, path, "keras.applications.VGG16 without its top")
    else:
        vgg = keras.applications.VGG16(weights=None, include_top=True, classes=classes)
        load_weights_file(vgg, path, "keras.applications.VGG16 with its top")
    return vgg


def _classes(path):
    """Return for how many classes a weights file has the top of VGG-16; None if it has none or is no such file."""
    shapes = set()

    def add(name, item):
        if isinstance(item, h5py.Dataset):
            shapes.add(tuple(item.shape))

    check_regular_file(path, "a weights file")
    try:
        with h5py.File(path) as file:
            file.visititems(add)
    except (OSError, RuntimeError, TypeError):  # damaged: whoever loads it tells so
        return None
    if (_INPUTS, 4096) not in shapes:
        return None
    classes = [shape[1] for shape in shapes if len(shape) == 2 and shape[0] == 4096 and shape[1] != 4096]
    return classes[0] if len(classes) == 1 else 4096


def _downloaded_vgg16(top):
    try:
        return keras.applications.VGG16(weights="imagenet", include_top=top)
    except Exception as error:  # Keras raises nothing narrower when a download fails
        name = TOP_FILE_NAME if top else FILE_NAME
        raise InputError(
            f"Keras could not download the weights of VGG-16 ({first_sentence(error)}); give the path of their "
            f"file {name} instead of imagenet."
        ) from error
