"""Fully convolutional networks (Long, Shelhamer, Darrell, 2015) for images of any size."""

import keras
from keras import layers

from tfapp.errors import InputError
from tfapp.layers import CropLike, PadToStride
from tfapp.models.any_size import ResizeLike
from tfapp.models.vgg import CONVOLUTIONS, centre_as_imagenet, convolution, vgg_block
from tfapp.models.vgg_weights import load_encoder_weights

DEPTH = len(CONVOLUTIONS)


def fcn_32s(
    num_classes,
    channels=3,
    *,
    base_width=64,
    depth=DEPTH,
    dropout=0.5,
    encoder_weights=None,
    relu=None,
    batch_norm=False,
):
    """Return an FCN-32s that maps images to logits of the same height and width.

    All of VGG-16, its fully connected layers as convolutions, scores every 32nd pixel, and bilinear
    interpolation fills in the others. "Same" convolutions replace the padding by 100 pixels of Long et al.; other
    image sizes than multiples of 32 are mirrored up to one, and the logits are cropped back.

    Args:
        num_classes: Number of classes, at least 2.
        channels: Image channels.
        base_width: Filters of the first block; the others have 2, 4, 8 and 8 times as many, the two layers
            that were fully connected 64 times. Long et al. have 64.
        depth: Number of 2x2 poolings: always 5, to which the 32 in the name belongs.
        dropout: Rate of dropout after the two layers that were fully connected, in [0, 1).
        encoder_weights: Where the encoder's weights come from, as `load_encoder_weights` takes it, or None
            for random ones. Those with VGG-16's top give the two layers that were fully connected theirs too.
        relu: Function from a name to the layer in the place of a ReLU, such as
            `lambda name: tfapp.layers.TVReLU(0.1, name=name)`; None for ReLU.
        batch_norm: Whether batch normalisation follows every convolution but the last, before its ReLU.

    Returns:
        `keras.Model` from `(batch, height, width, channels)` in [0, 1] to logits
        `(batch, height, width, num_classes)` in a layer called `logits`.

    Raises:
        InputError: For another depth than 5, or weights that cannot be used.

    Reference:
        J. Long, E. Shelhamer, T. Darrell, "Fully Convolutional Networks for Semantic Segmentation",
        CVPR 2015, arXiv:1411.4038.
    """
    if depth != DEPTH:
        raise InputError(f"FCN-32s has {DEPTH} poolings; got a depth of {depth}; leave out `depth`.")
    images = keras.Input((None, None, channels), name="images")
    padded = PadToStride(2**DEPTH, name="pad")(images)
    x = padded if encoder_weights is None else centre_as_imagenet(padded)
    x = _encode(x, base_width, dropout, relu, batch_norm)
    # From zero, as Long et al. have it: no class is preferred before the first step.
    x = layers.Conv2D(num_classes, 1, kernel_initializer="zeros", name="scores")(x)
    # The last transposed convolution of Long et al., which is kept at bilinear interpolation, but without its
    # fading to zero at the border of the image. In float32, because XLA's derivative of the interpolation has
    # another precision than a float16 input.
    x = ResizeLike(name="upsampled", dtype="float32")([x, padded])
    model = keras.Model(images, CropLike(name="logits")([x, images]), name="fcn-32s")
    if encoder_weights is not None:
        load_encoder_weights(model, encoder_weights)
    return model


def _encode(x, base_width, dropout, relu, batch_norm):
    for block in range(1, DEPTH + 1):
        x = vgg_block(x, block, base_width, batch_norm, relu)
        x = layers.MaxPooling2D(name=f"block{block}_pool")(x)
    for name, size in (("fc6", 7), ("fc7", 1)):
        x = convolution(x, 64 * base_width, name, batch_norm, size=size, relu=relu)
        x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
    return x
