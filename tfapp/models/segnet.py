"""SegNet (Badrinarayanan, Kendall, Cipolla, 2017) for images of any size."""

import keras
from keras import layers

from tfapp.layers import CropLike, MaxPoolWithIndices, MaxUnpooling2D, PadToStride
from tfapp.models.vgg import (
    CONVOLUTIONS,
    WIDTHS,
    centre_as_imagenet,
    check_vgg_depth,
    convolution,
    vgg_block,
)
from tfapp.models.vgg_weights import load_encoder_weights


def segnet(
    num_classes,
    channels=3,
    *,
    base_width=64,
    depth=5,
    dropout=0.0,
    batch_norm=True,
    encoder_weights=None,
    relu=None,
):
    """Return a SegNet that maps images to logits of the same height and width.

    The decoder mirrors the VGG-16 encoder and puts the features back to where each maximum was; like in
    the authors' network its last convolution gives the logits. Other image sizes than multiples of the
    stride are mirrored up to one, and the logits are cropped back.

    Args:
        num_classes: Number of classes, at least 2.
        channels: Image channels.
        base_width: Filters of the first block; the others have 2, 4, 8 and 8 times as many. SegNet has 64.
        depth: Number of VGG-16's blocks, 1 to 5, each with a 2x2 pooling; the stride is `2 ** depth`. The
            paper has 5.
        dropout: Rate of dropout at the lowest level, in [0, 1).
        batch_norm: Whether every convolution but the last is followed by batch normalisation.
        encoder_weights: Where the encoder's weights come from, as `load_encoder_weights` takes it, or None
            for random ones. All other kernels are those of He et al. (2015), as the authors have them.
        relu: Function from a name to the layer in the place of a ReLU, such as
            `lambda name: tfapp.layers.TVReLU(0.1, name=name)`; None for ReLU.

    Returns:
        `keras.Model` from `(batch, height, width, channels)` in [0, 1] to logits
        `(batch, height, width, num_classes)` in a layer called `logits`.

    Raises:
        InputError: For a depth that VGG-16 does not have, or weights that cannot be used.

    Reference:
        V. Badrinarayanan, A. Kendall, R. Cipolla, "SegNet: A Deep Convolutional Encoder-Decoder
        Architecture for Image Segmentation", PAMI 2017, arXiv:1511.00561.
    """
    check_vgg_depth(depth)
    images = keras.Input((None, None, channels), name="images")
    x = PadToStride(2**depth, name="pad")(images)
    if encoder_weights is not None:
        x = centre_as_imagenet(x)
    indices = {}
    for block in range(1, depth + 1):
        x = vgg_block(x, block, base_width, batch_norm, relu)
        x, indices[block] = MaxPoolWithIndices(name=f"block{block}_pool")(x)
    if dropout:
        x = layers.Dropout(dropout, name="bottom_dropout")(x)
    for block in range(depth, 0, -1):
        x = MaxUnpooling2D(name=f"decoder{block}_unpool")(x, indices[block])
        x = _decoder_block(x, block, base_width, batch_norm, relu)
    x = layers.Conv2D(num_classes, 3, padding="same", kernel_initializer="he_normal", name="scores")(x)
    model = keras.Model(images, CropLike(name="logits")([x, images]), name="segnet")
    if encoder_weights is not None:
        load_encoder_weights(model, encoder_weights)
    return model


def _decoder_block(x, block, base_width, batch_norm, relu):
    # The encoder's block turned round: its last convolution has the width of the block above, and that of
    # block 1 is `scores`.
    for number in range(CONVOLUTIONS[block - 1], 0, -1):
        if (block, number) == (1, 1):
            return x
        width = WIDTHS[block - 1] if number > 1 else WIDTHS[block - 2]
        x = convolution(x, width * base_width, f"decoder{block}_conv{number}", batch_norm, relu=relu)
    return x
