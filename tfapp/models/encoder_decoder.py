"""U-Net's encoder and decoder, which the networks around it share: they differ in their skip connections."""

import keras
from keras import layers

from tfapp.layers import CropLike, PadToStride


def encoder_decoder(name, num_classes, channels, *, widths, dropout, skip, last_activation=None):
    """Return a network that maps images to logits of the same height and width.

    "Same" convolutions replace U-Net's unpadded ones, so that every pixel gets an answer; the image is mirrored
    up to a multiple of the stride and the logits are cropped back.

    Args:
        name: Name of the model.
        num_classes: Channels of the logits.
        channels: Image channels.
        widths: Filters of each level from the image down, with one 2x2 pooling between two levels: the stride is
            `2 ** (len(widths) - 1)`.
        dropout: Rate of dropout at the lowest level, in [0, 1).
        skip: Function of (features of the encoder before their pooling, level counted from 0 at the image) that
            returns what is concatenated to the upsampled features of that level, or None for nothing.
        last_activation: Layer in the place of the last ReLU of the decoder, or None.

    Returns:
        `keras.Model` from `(batch, height, width, channels)` in [0, 1] to logits
        `(batch, height, width, num_classes)` in a layer called `logits`.
    """
    *upper, lowest = widths
    images = keras.Input((None, None, channels), name="images")
    x = PadToStride(2 ** len(upper), name="pad")(images)
    encoded = []
    for level, width in enumerate(upper):
        x = _two_convolutions(x, width, f"down{level}")
        encoded.append(x)
        x = layers.MaxPooling2D(name=f"down{level}_pool")(x)
    x = _two_convolutions(x, lowest, "bottom")
    if dropout:
        x = layers.Dropout(dropout, name="bottom_dropout")(x)
    for level, width in reversed(list(enumerate(upper))):
        x = layers.Conv2DTranspose(width, 2, strides=2, name=f"up{level}_transpose")(x)
        skipped = skip(encoded[level], level)
        if skipped is not None:
            x = layers.Concatenate(name=f"up{level}_skip")([skipped, x])
        x = _two_convolutions(x, width, f"up{level}", last_activation if level == 0 else None)
    x = layers.Conv2D(num_classes, 1, name="scores")(x)
    return keras.Model(images, CropLike(name="logits")([x, images]), name=name)


def doubled_widths(base_width, depth):
    """Return U-Net's widths: `base_width` at the image, twice as many filters below each of `depth` poolings."""
    return [base_width * 2**level for level in range(depth + 1)]


def _two_convolutions(x, width, name, last_activation=None):
    for step in (1, 2):
        replaced = step == 2 and last_activation is not None
        x = layers.Conv2D(
            width,
            3,
            padding="same",
            activation=None if replaced else "relu",
            kernel_initializer="he_normal",
            name=f"{name}_conv{step}",
        )(x)
    return x if last_activation is None else last_activation(x)
