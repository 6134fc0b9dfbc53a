"""Trained weights of VGG-16 for an encoder."""

from pathlib import Path

import keras

from tfapp.errors import InputError
from tfapp.models.vgg import encoder_convolutions
from tfapp.models.weight_files import first_sentence, load_weights_file

FILE_NAME = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"


def load_encoder_weights(model, source):
    """Copy the convolutions of a trained VGG-16 into a model's encoder.

    The model must scale its images with `centre_as_imagenet` before the first convolution.

    Args:
        model: Keras model with a VGG-16 encoder of base width 64 on images of 3 channels (RGB).
        source: Weights file of `keras.applications.VGG16` without its top (`.weights.h5`, or `.h5` as Keras
            publishes it), or `imagenet`, for which Keras downloads that file unless it has it already.

    Raises:
        InputError: If the encoder is not as wide as VGG-16, the images are not RGB, or there is no such file.
    """
    convolutions = encoder_convolutions(model)
    *_, channels, width = convolutions[0].kernel.shape
    if (channels, width) != (3, 64):
        raise InputError(
            "The weights of VGG-16 are for RGB images and an encoder of --base-width 64; "
            f"got images of {channels} channel(s) and a base width of {width}."
        )
    trained = _downloaded_vgg16() if source == "imagenet" else _stored_vgg16(Path(source))
    for layer in convolutions:
        kernel, bias = trained.get_layer(layer.name).get_weights()
        # Caffe's channels are blue, green, red.
        layer.set_weights([kernel[:, :, ::-1] if layer is convolutions[0] else kernel, bias])


def _stored_vgg16(path):
    if not path.is_file():
        raise InputError(
            f"The encoder weights {path} do not exist; expected a file of keras.applications.VGG16, such as "
            f"{FILE_NAME}, or the word imagenet."
        )
    vgg = keras.applications.VGG16(weights=None, include_top=False)
    load_weights_file(vgg, path, "keras.applications.VGG16 without its top")
    return vgg


def _downloaded_vgg16():
    try:
        return keras.applications.VGG16(weights="imagenet", include_top=False)
    except Exception as error:  # Keras raises nothing narrower when a download fails
        raise InputError(
            f"Keras could not download the weights of VGG-16 ({first_sentence(error)}); give the path of their "
            f"file {FILE_NAME} instead of imagenet."
        ) from error
