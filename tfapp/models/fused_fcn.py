"""FCN-16s, FCN-8s and FCN-4s (Lu, Tong, 2019): U-Net's encoder and decoder with fewer skip connections."""

from tfapp.errors import InputError
from tfapp.models.encoder_decoder import doubled_widths, encoder_decoder


def fcn_16s(num_classes, channels=3, *, base_width=16, depth=4, dropout=0.0):
    """Return an FCN-16s; see `fcn_4s`. At depth 4 its one skip connection is the lowest of U-Net's."""
    return _fused_fcn(16, num_classes, channels, base_width, depth, dropout)


def fcn_8s(num_classes, channels=3, *, base_width=16, depth=4, dropout=0.0):
    """Return an FCN-8s; see `fcn_4s`. At depth 4 it has the two lowest skip connections of U-Net."""
    return _fused_fcn(8, num_classes, channels, base_width, depth, dropout)


def fcn_4s(num_classes, channels=3, *, base_width=16, depth=4, dropout=0.0):
    """Return an FCN-4s that maps images to logits of the same height and width.

    FCN-Ns fuses encoder and decoder only where maps that were pooled N times or more are upsampled: there the
    features before that pooling join the upsampled ones, as in U-Net, and nothing joins above. So the
    skip connections of FCN-16s are among those of FCN-8s, those among FCN-4s's, and those among U-Net's; levels
    and widths are the same. This is our reading of "fusion after N-fold pooling".

    Args:
        num_classes: Number of classes, at least 2.
        channels: Image channels.
        base_width: Filters of the first level; each level below has twice as many.
        depth: Number of 2x2 poolings, at least log2 of the number in the name; the stride is `2 ** depth`.
        dropout: Rate of dropout at the lowest level, in [0, 1).

    Returns:
        `keras.Model` from `(batch, height, width, channels)` in [0, 1] to logits
        `(batch, height, width, num_classes)` in a layer called `logits`.

    Raises:
        InputError: For a depth at which nothing is pooled that often.

    Reference:
        J. Lu, K. Tong, "Visualized Insights into the Optimization Landscape of Fully Convolutional Networks",
        arXiv, January 2019.
    """
    return _fused_fcn(4, num_classes, channels, base_width, depth, dropout)


def _fused_fcn(pooled, num_classes, channels, base_width, depth, dropout):
    highest = pooled.bit_length() - 2
    if depth <= highest:
        raise InputError(
            f"FCN-{pooled}s fuses features around its {pooled}-fold pooling and has {highest + 1} poolings or more; "
            f"got a depth of {depth}."
        )
    return encoder_decoder(
        f"fcn-{pooled}s",
        num_classes,
        channels,
        widths=doubled_widths(base_width, depth),
        dropout=dropout,
        skip=lambda features, level: features if level >= highest else None,
    )
