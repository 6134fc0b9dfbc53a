"""U-Net (Ronneberger, Fischer, Brox, 2015) for images of any size."""

import keras
from keras import layers

from tfapp.layers import CropLike, PadToStride


def unet(num_classes, channels=3, *, base_width=16, depth=4, dropout=0.0, last_activation=None):
    """Return a U-Net that maps images to logits of the same height and width.

    "Same" convolutions replace the paper's unpadded ones, so that every pixel gets an answer; the
    image is mirrored up to a multiple of the stride and the logits are cropped back.

    Args:
        num_classes: Number of classes, at least 2.
        channels: Image channels.
        base_width: Filters of the first level; each level below has twice as many. The paper has 64.
        depth: Number of 2x2 poolings; the stride is `2 ** depth`.
        dropout: Rate of dropout at the lowest level, in [0, 1).
        last_activation: Layer in the place of the last ReLU of the decoder, such as `tfapp.layers.TVReLU()`.

    Returns:
        `keras.Model` from `(batch, height, width, channels)` in [0, 1] to logits
        `(batch, height, width, num_classes)` in a layer called `logits`.

    Reference:
        O. Ronneberger, P. Fischer, T. Brox, "U-Net: Convolutional Networks for Biomedical Image
        Segmentation", MICCAI 2015, arXiv:1505.04597.
    """
    images = keras.Input((None, None, channels), name="images")
    x = PadToStride(2**depth, name="pad")(images)
    skips = []
    for level in range(depth):
        x = _two_convolutions(x, base_width * 2**level, f"down{level}")
        skips.append(x)
        x = layers.MaxPooling2D(name=f"down{level}_pool")(x)
    x = _two_convolutions(x, base_width * 2**depth, "bottom")
    if dropout:
        x = layers.Dropout(dropout, name="bottom_dropout")(x)
    for level in reversed(range(depth)):
        width = base_width * 2**level
        x = layers.Conv2DTranspose(width, 2, strides=2, name=f"up{level}_transpose")(x)
        x = layers.Concatenate(name=f"up{level}_skip")([skips[level], x])
        x = _two_convolutions(x, width, f"up{level}", last_activation if level == 0 else None)
    x = layers.Conv2D(num_classes, 1, name="scores")(x)
    return keras.Model(images, CropLike(name="logits")([x, images]), name="unet")


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
