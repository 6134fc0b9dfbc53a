"""U-Net (Ronneberger, Fischer, Brox, 2015) for images of any size."""

from tfapp.models.encoder_decoder import doubled_widths, encoder_decoder


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
    return encoder_decoder(
        "unet",
        num_classes,
        channels,
        widths=doubled_widths(base_width, depth),
        dropout=dropout,
        skip=lambda features, level: features,
        last_activation=last_activation,
    )
