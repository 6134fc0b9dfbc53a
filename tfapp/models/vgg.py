"""Convolutions of VGG-16 (Simonyan, Zisserman, 2015), which SegNet and FCN encode images with."""

from keras import layers

from tfapp.errors import InputError

# Of each block, from the image down: the number of 3x3 convolutions, and their width relative to the first.
CONVOLUTIONS = (2, 2, 3, 3, 3)
WIDTHS = (1, 2, 4, 8, 8)

# The weights of keras.applications.VGG16 come from Caffe: images of 0..255 less the mean of ImageNet.
IMAGENET_MEAN = (123.68, 116.779, 103.939)

# With Keras's 0.99 the moving averages, which inference uses, still have 13 % of their initial values after 200
# steps, and they lag by 100 steps behind weights that change; trainings on few images are not much longer.
BATCH_NORM_MOMENTUM = 0.9


def check_vgg_depth(depth):
    """Raise InputError unless `depth` is a number of VGG-16's blocks."""
    if depth not in range(1, len(CONVOLUTIONS) + 1):
        raise InputError(
            f"A VGG-16 encoder has from 1 to {len(CONVOLUTIONS)} poolings; got a depth of {depth}."
        )


def centre_as_imagenet(images):
    """Scale images in [0, 1] to 0..255 and subtract ImageNet's mean colour, as VGG-16's weights need it.

    A layer before the zero padding of the first convolution: folded into its kernel and bias, the mean
    would be subtracted from the padding too.
    """
    offset = [-mean for mean in IMAGENET_MEAN]
    return layers.Rescaling(255.0, offset=offset, name="centre_as_imagenet")(images)


def vgg_block(x, block, base_width, batch_norm=False, relu=None):
    """Apply the convolutions of one block of VGG-16, without its pooling.

    Args:
        x: Feature maps `(batch, height, width, channels)`.
        block: Number of the block, 1 to 5.
        base_width: Filters of block 1, 64 in VGG-16.
        batch_norm: Whether to normalise before each ReLU.
        relu: Function from a name to the layer in the place of a ReLU, or None.

    Returns:
        Feature maps of the same height and width.
    """
    for number in range(1, CONVOLUTIONS[block - 1] + 1):
        x = convolution(
            x, WIDTHS[block - 1] * base_width, f"block{block}_conv{number}", batch_norm, relu=relu
        )
    return x


def convolution(x, width, name, batch_norm=False, size=3, relu=None):
    """Apply a "same" convolution, batch normalisation if asked for, and ReLU, or what `relu` gives.

    The convolution has a bias in both cases, so that VGG-16's weights fit.
    """
    x = layers.Conv2D(width, size, padding="same", kernel_initializer="he_normal", name=name)(x)
    if batch_norm:
        x = batch_normalised(x, name)
    return (relu or _relu)(f"{name}_relu")(x)


def batch_normalised(x, name):
    """Apply the batch normalisation behind the layer of this name."""
    return layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_norm")(x)


def _relu(name):
    return layers.ReLU(name=name)


def encoder_convolutions(model):
    """Return the convolutions of a model's VGG-16 blocks, from the image down."""
    names = {f"block{b}_conv{n}" for b, count in enumerate(CONVOLUTIONS, 1) for n in range(1, count + 1)}
    return [layer for layer in model.layers if layer.name in names]
