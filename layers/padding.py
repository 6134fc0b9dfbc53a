"""Layers that let a network with a stride take images of any height and width."""

import keras
import tensorflow as tf

from tfapp.layers.arguments import check_channels_last
from tfapp.layers.options import CheckedOptions


@keras.saving.register_keras_serializable(package="tfapp")
class PadToStride(CheckedOptions, keras.layers.Layer):
    """Pad images symmetrically until height and width are multiples of the stride.

    Mirrored pixels continue the image at its border, which zeros would not. The padding is shared
    between both sides, as `numpy.pad(..., mode="symmetric")` writes it, and may be longer than the
    image, which `tf.pad` would refuse. `CropLike` takes it away again.

    Args:
        stride: Integer >= 1, the product of the network's down-samplings.

    Input shape:
        `(batch, height, width, channels)` of any height and width.

    Output shape:
        `(batch, padded_height, padded_width, channels)`, both multiples of `stride`.
    """

    OPTIONS = BUILT_IN = ("stride",)

    def __init__(self, stride, **kwargs):
        super().__init__(**kwargs)
        self.stride = stride

    def checked(self, name, value):
        if int(value) != value or value < 1:
            raise ValueError(f"`{name}` must be a positive integer. Received: {name}={value}")
        return int(value)

    def call(self, images):
        check_channels_last(type(self).__name__)
        for axis in (1, 2):
            size = tf.shape(images)[axis]
            missing = -size % self.stride
            position = tf.range(-(missing // 2), size + missing - missing // 2) % (2 * size)
            images = tf.gather(images, tf.minimum(position, 2 * size - 1 - position), axis=axis)
        return images

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return (batch, self._padded(height), self._padded(width), channels)

    def _padded(self, length):
        return None if length is None else length + (-length) % self.stride

    def get_config(self):
        return {**super().get_config(), "stride": self.stride}


@keras.saving.register_keras_serializable(package="tfapp")
class CropLike(keras.layers.Layer):
    """Cut the centre of a feature map to the height and width of a reference: undoes `PadToStride`.

    Call arguments:
        inputs: Pair `(features, reference)` of tensors `(batch, height, width, channels)`; the features
            are at least as large as the reference.

    Output shape:
        `(batch, reference_height, reference_width, feature_channels)`.
    """

    def call(self, inputs):
        check_channels_last(type(self).__name__)
        features, reference = inputs
        size = tf.shape(reference)[1:3]
        offset = (tf.shape(features)[1:3] - size) // 2
        return features[:, offset[0] : offset[0] + size[0], offset[1] : offset[1] + size[1]]

    def compute_output_shape(self, input_shape):
        features, reference = input_shape
        return (features[0], reference[1], reference[2], features[3])
