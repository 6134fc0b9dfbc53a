"""U-Net (Ronneberger, Fischer, Brox, 2015) and the networks around it, which differ in their skip connections."""

from functools import partial

import keras
from keras import layers

from tfapp.errors import InputError
from tfapp.layers import CropLike, PadToStride
from tfapp.models.vgg import batch_normalised


def unet(
    num_classes,
    channels=3,
    *,
    base_width=16,
    depth=4,
    dropout=0.0,
    last_activation=None,
    relu=None,
    batch_norm=False,
):
    """Return a U-Net that maps images to logits of the same height and width.

    "Same" convolutions replace the unpadded ones of Ronneberger et al., so that every pixel gets an answer; the
    image is mirrored up to a multiple of the stride and the logits are cropped back.

    Args:
        num_classes: Number of classes, at least 2.
        channels: Image channels.
        base_width: Filters of the first level; each level below has twice as many. Ronneberger et al. have 64.
        depth: Number of 2x2 poolings; the stride is `2 ** depth`.
        dropout: Rate of dropout at the lowest level, in [0, 1).
        last_activation: Layer in the place of the last ReLU of the decoder, such as `tfapp.layers.TVReLU()`.
        relu: Function from a name to the layer in the place of a ReLU, such as
            `lambda name: tfapp.layers.TVReLU(0.1, name=name)`; None for ReLU.
        batch_norm: Whether batch normalisation follows every 3x3 convolution, before its ReLU; it has no bias then.

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
        relu=relu,
        batch_norm=batch_norm,
    )


def res_unet(
    num_classes,
    channels=3,
    *,
    base_width=16,
    depth=4,
    dropout=0.0,
    relu=None,
    modules=None,
    widths=None,
    batch_norm=False,
):
    """Return a U-Net whose skip connections lead through residual modules.

    A module is ReLU(x + F(x)) with two 3x3 convolutions F of the level's width (K. He, X. Zhang, S. Ren, J. Sun,
    "Deep Residual Learning for Image Recognition", CVPR 2016). What they add in parameters the lowest level
    gives up: it has 3/4 of U-Net's filters, which is assumed for the slimmer layers at low resolution of Lu and
    Tong (2019). From a base width of 2 both networks have the same number of parameters within 10 %, at depth 4
    within 2 %.

    Args:
        num_classes: Number of classes, at least 2.
        channels: Image channels.
        base_width: Filters of the first level; each level below has twice as many, the lowest 1.5 times.
        depth: Number of 2x2 poolings; the stride is `2 ** depth`.
        dropout: Rate of dropout at the lowest level, in [0, 1).
        relu: Function from a name to the layer in the place of a ReLU, such as
            `lambda name: tfapp.layers.TVReLU(0.1, name=name)`; None for ReLU.
        modules: Residual modules of the skip connection of each level, `depth` whole numbers from the image down, 0
            for a plain one; or one number for all. None: one at each level. Lu and Tong have "a various number".
        widths: Filters of each level, `depth + 1` whole numbers from the image down, in the place of those that
            `base_width` gives; None for those.
        batch_norm: As for `unet`.

    Returns:
        `keras.Model` from `(batch, height, width, channels)` in [0, 1] to logits
        `(batch, height, width, num_classes)` in a layer called `logits`.

    Raises:
        InputError: For another number of modules or of widths than there are levels, or one out of range.

    Reference:
        J. Lu, K. Tong, "Visualized Insights into the Optimization Landscape of Fully Convolutional Networks",
        arXiv, January 2019.
    """
    *upper, lowest = doubled_widths(base_width, depth)
    modules = [modules] * depth if isinstance(modules, int) else modules
    return encoder_decoder(
        "res-unet",
        num_classes,
        channels,
        widths=_by_level("widths", widths, depth + 1, 1) or [*upper, 3 * lowest // 4],
        dropout=dropout,
        skip=partial(
            _residual_skip,
            modules=_by_level("modules", modules, depth, 0) or [1] * depth,
            relu=relu,
            batch_norm=batch_norm,
        ),
        relu=relu,
        batch_norm=batch_norm,
    )


def _by_level(name, numbers, count, least):
    """Return a list of `count` whole numbers from `least` on; None for None."""
    if numbers is None:
        return None
    numbers = list(numbers)
    if len(numbers) != count or not all(isinstance(one, int) and one >= least for one in numbers):
        got = ",".join(map(str, numbers))
        raise InputError(
            f"`{name}` must be {count} whole numbers of at least {least}, from the image down; got {got}."
        )
    return numbers


def _residual_skip(x, level, modules, relu, batch_norm):
    for number in range(modules[level]):
        # The first one has the names that it had when there was one alone.
        x = _residual_module(x, f"skip{level}" + (f"_{number + 1}" if number else ""), relu, batch_norm)
    return x


def _residual_module(x, name, relu, batch_norm):
    residual, width = x, x.shape[-1]
    residual = _convolution(residual, width, f"{name}_conv1", relu, batch_norm)
    residual = _convolution(residual, width, f"{name}_conv2", relu, batch_norm, activated=False)
    x = layers.Add(name=f"{name}_add")([x, residual])
    name = f"{name}_relu"
    return layers.ReLU(name=name)(x) if relu is None else relu(name)(x)


def fcn_16s(
    num_classes,
    channels=3,
    *,
    base_width=16,
    depth=4,
    dropout=0.0,
    relu=None,
    equal_parameters=False,
    batch_norm=False,
):
    """Return an FCN-16s; see `fcn_4s`. At depth 4 its one skip connection is the lowest of U-Net's."""
    return _fused_fcn(
        16, num_classes, channels, base_width, depth, dropout, relu, equal_parameters, batch_norm
    )


def fcn_8s(
    num_classes,
    channels=3,
    *,
    base_width=16,
    depth=4,
    dropout=0.0,
    relu=None,
    equal_parameters=False,
    batch_norm=False,
):
    """Return an FCN-8s; see `fcn_4s`. At depth 4 it has the two lowest skip connections of U-Net."""
    return _fused_fcn(
        8, num_classes, channels, base_width, depth, dropout, relu, equal_parameters, batch_norm
    )


def fcn_4s(
    num_classes,
    channels=3,
    *,
    base_width=16,
    depth=4,
    dropout=0.0,
    relu=None,
    equal_parameters=False,
    batch_norm=False,
):
    """Return an FCN-4s that maps images to logits of the same height and width.

    FCN-Ns fuses encoder and decoder only where maps that were pooled N times or more are upsampled: there the
    features before that pooling join the upsampled ones, as in U-Net, and nothing joins above. So the
    skip connections of FCN-16s are among those of FCN-8s, those among FCN-4s's, and those among U-Net's; levels
    and widths are the same. "Fusion after N-fold pooling" is taken to mean this.

    Args:
        num_classes: Number of classes, at least 2.
        channels: Image channels.
        base_width: Filters of the first level; each level below has twice as many.
        depth: Number of 2x2 poolings, at least log2 of the number in the name; the stride is `2 ** depth`.
        dropout: Rate of dropout at the lowest level, in [0, 1).
        relu: Function from a name to the layer in the place of a ReLU, such as
            `lambda name: tfapp.layers.TVReLU(0.1, name=name)`; None for ReLU.
        equal_parameters: Whether a level without a skip connection has one more 3x3 convolution, without biases, in
            the place of the weights that U-Net has for what joins there: then the numbers of parameters are equal, as
            Lu and Tong say that they are. Otherwise FCN-16s has 2.5 % fewer than U-Net at the width of 64.
        batch_norm: As for `unet`.

    Returns:
        `keras.Model` from `(batch, height, width, channels)` in [0, 1] to logits
        `(batch, height, width, num_classes)` in a layer called `logits`.

    Raises:
        InputError: For a depth at which nothing is pooled that often.

    Reference:
        J. Lu, K. Tong, "Visualized Insights into the Optimization Landscape of Fully Convolutional Networks",
        arXiv, January 2019.
    """
    return _fused_fcn(
        4, num_classes, channels, base_width, depth, dropout, relu, equal_parameters, batch_norm
    )


def _fused_fcn(pooled, num_classes, channels, base_width, depth, dropout, relu, equal_parameters, batch_norm):
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
        relu=relu,
        unjoined=partial(_unbiased_convolution, relu=relu, batch_norm=batch_norm)
        if equal_parameters
        else None,
        batch_norm=batch_norm,
    )


def _unbiased_convolution(x, level, relu, batch_norm):
    return _convolution(x, x.shape[-1], f"up{level}_conv0", relu, batch_norm, use_bias=False)


def encoder_decoder(
    name,
    num_classes,
    channels,
    *,
    widths,
    dropout,
    skip,
    last_activation=None,
    relu=None,
    unjoined=None,
    batch_norm=False,
):
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
        relu: Function from a name to the layer in the place of every other ReLU, or None.
        unjoined: Function of (upsampled features, level) to what goes on in their place where nothing is concatenated
            to them; None for themselves.
        batch_norm: As for `unet`; what `skip` and `unjoined` give is their own matter.

    Returns:
        `keras.Model` from `(batch, height, width, channels)` in [0, 1] to logits
        `(batch, height, width, num_classes)` in a layer called `logits`.
    """
    *upper, lowest = widths
    images = keras.Input((None, None, channels), name="images")
    x = PadToStride(2 ** len(upper), name="pad")(images)
    encoded = []
    for level, width in enumerate(upper):
        x = _two_convolutions(x, width, f"down{level}", relu, batch_norm)
        encoded.append(x)
        x = layers.MaxPooling2D(name=f"down{level}_pool")(x)
    x = _two_convolutions(x, lowest, "bottom", relu, batch_norm)
    if dropout:
        x = layers.Dropout(dropout, name="bottom_dropout")(x)
    for level, width in reversed(list(enumerate(upper))):
        x = layers.Conv2DTranspose(width, 2, strides=2, name=f"up{level}_transpose")(x)
        skipped = skip(encoded[level], level)
        if skipped is not None:
            x = layers.Concatenate(name=f"up{level}_skip")([skipped, x])
        elif unjoined is not None:
            x = unjoined(x, level)
        last = last_activation if level == 0 else None
        x = _two_convolutions(x, width, f"up{level}", relu, batch_norm, last)
    x = layers.Conv2D(num_classes, 1, name="scores")(x)
    return keras.Model(images, CropLike(name="logits")([x, images]), name=name)


def doubled_widths(base_width, depth):
    """Return U-Net's widths: `base_width` at the image, twice as many filters below each of `depth` poolings."""
    return [base_width * 2**level for level in range(depth + 1)]


def _two_convolutions(x, width, name, relu, batch_norm, last_activation=None):
    x = _convolution(x, width, f"{name}_conv1", relu, batch_norm)
    x = _convolution(x, width, f"{name}_conv2", relu, batch_norm, activated=last_activation is None)
    return x if last_activation is None else last_activation(x)


def _convolution(x, width, name, relu, batch_norm, activated=True, use_bias=True):
    # Of one layer with its ReLU where it can be.
    fused = activated and relu is None and not batch_norm
    x = layers.Conv2D(
        width,
        3,
        padding="same",
        activation="relu" if fused else None,
        kernel_initializer="he_normal",
        use_bias=use_bias and not batch_norm,
        name=name,
    )(x)
    if batch_norm:
        x = batch_normalised(x, name)
    if fused or not activated:
        return x
    name = f"{name}_relu"
    return layers.ReLU(name=name)(x) if relu is None else relu(name)(x)
