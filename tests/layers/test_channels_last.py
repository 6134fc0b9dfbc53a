"""Layers whose last axis is the channels refuse to work where Keras is set to have it first."""

import keras
import numpy as np
import pytest

from tfapp.layers import (
    CropLike,
    MaxPoolWithIndices,
    MaxUnpooling2D,
    PadToStride,
    TVReLU,
    TVSigmoid,
    TVSoftmax,
    regularise,
)

IMAGE = np.zeros((1, 3, 4, 5), "float32")
CALLS = {
    "TVSoftmax": lambda: TVSoftmax()(IMAGE),
    "TVSigmoid": lambda: TVSigmoid()(IMAGE),
    "TVReLU": lambda: TVReLU()(keras.Input((3, 4, 5))),
    "PadToStride": lambda: PadToStride(4)(IMAGE),
    "CropLike": lambda: CropLike()([IMAGE, IMAGE]),
    "MaxPoolWithIndices": lambda: MaxPoolWithIndices()(IMAGE),
    "MaxUnpooling2D": lambda: MaxUnpooling2D()(IMAGE, np.zeros(IMAGE.shape, "int64")),
}


@pytest.fixture
def channels_first():
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_image_data_format("channels_last")


@pytest.mark.parametrize("name", CALLS)
def test_channels_first_is_refused_where_the_channels_are_taken_to_be_last(name, channels_first):
    with pytest.raises(
        ValueError, match=f"{name} takes tensors .*channels_last.* Received: image_data_format="
    ):
        CALLS[name]()


@pytest.mark.parametrize("output", ["auto", "logits"])
def test_segmenter_whose_last_layer_has_its_channels_first_is_refused(output):
    first = keras.layers.Conv2D(2, 1, data_format="channels_first")
    segmenter = keras.Sequential([keras.Input((3, 4, 5)), first])
    with pytest.raises(ValueError, match="classes in the last axis; put `keras.layers.Permute`"):
        regularise(keras.Sequential([keras.Input((3, 4, 5)), segmenter]), output=output)


def test_segmenter_that_moves_its_classes_to_the_last_axis_is_taken():
    images = keras.Input((3, 4, 5))
    # A convolution of channels first is not to be had on every CPU: this one has them last, between two moves.
    last = keras.layers.Conv2D(2, 1)(keras.layers.Permute((2, 3, 1))(images))
    first = keras.layers.Permute((3, 1, 2))(last)
    segmenter = keras.Model(images, keras.layers.Permute((2, 3, 1))(first))
    assert regularise(segmenter).output_shape == (None, 4, 5, 2)
