"""Residual networks (He, Zhang, Ren, Sun, 2016) that keras.applications does not have."""

from functools import partial

from keras import layers, ops

from tfapp.errors import InputError
from tfapp.models.vgg import BATCH_NORM_MOMENTUM

STEMS = ("imagenet", "cifar")
# Up to this size the stem of ImageNet would leave 2x2 pixels for the last stage.
SMALL_IMAGE = 64


def chosen_stem(stem, images):
    """Return the stem by its name, or if that is None the one that fits the size of the images.

    Args:
        stem: `imagenet` for the 7x7 convolution of He et al. of stride 2 and pooling, `cifar` for one 3x3 convolution
            of stride 1 without pooling, None for `cifar` up to 64x64 pixels and `imagenet` above.
        images: Images `(batch, height, width, channels)`.

    Raises:
        InputError: For an unknown stem.
    """
    if stem is None:
        return "cifar" if max(images.shape[1:3]) <= SMALL_IMAGE else "imagenet"
    if stem not in STEMS:
        raise InputError(f"Unknown stem {stem!r}; choose one of: {', '.join(STEMS)}.")
    return stem


def basic_block(x, width, stride, name, convolution=None):
    """Return the residual of two 3x3 convolutions of this width."""
    convolution = convolution or _convolution
    x = convolution(x, width, 3, stride, f"{name}_1")
    return convolution(x, width, 3, 1, f"{name}_2", relu=False)


def bottleneck_block(x, width, stride, name):
    """Return the residual of 1x1, 3x3 and 1x1 convolutions, the last of four times this width."""
    x = _convolution(x, width, 1, stride, f"{name}_1")
    x = _convolution(x, width, 3, 1, f"{name}_2")
    return _convolution(x, 4 * width, 1, 1, f"{name}_3", relu=False)


def residual_network(images, num_classes, *, depths, block=basic_block, stem=None):
    """Apply a residual network of four stages, with projections where the shape changes.

    Args:
        images: Images `(batch, height, width, channels)`.
        num_classes: Number of classes, or None for the 512 features (2048 with bottlenecks) that they follow from.
        depths: Blocks of the stages, of 64, 128, 256 and 512 filters: (2, 2, 2, 2) is ResNet-18, (3, 4, 6, 3)
            ResNet-34 and with bottlenecks ResNet-50, (3, 4, 23, 3) with bottlenecks ResNet-101.
        block: `basic_block` or `bottleneck_block`.
        stem: As `chosen_stem` takes it.

    Returns:
        Logits `(batch, num_classes)`, or the features.

    Raises:
        InputError: For an unknown stem.

    Reference:
        K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", CVPR 2016,
        arXiv:1512.03385, section 4.1, shortcuts of type B.
    """
    if chosen_stem(stem, images) == "imagenet":
        x = _convolution(images, 64, 7, 2, "stem")
        x = layers.MaxPooling2D(3, 2, padding="same", name="stem_pool")(x)
    else:
        x = _convolution(images, 64, 3, 1, "stem")
    return _stages(x, num_classes, zip((64, 128, 256, 512), depths, strict=True), block, _projected)


def cifar_network(images, num_classes, *, blocks, shortcuts=True, batch_norm=True):
    """Apply the residual network of He et al. for CIFAR: 6 * blocks + 2 layers, shortcuts without parameters.

    Args:
        images: Images `(batch, height, width, channels)`.
        num_classes: Number of classes.
        blocks: Basic blocks of each of the three stages, of 16, 32 and 64 filters: 3 for ResNet-20, 5, 7, 9 and
            18 for ResNet-32, -44, -56 and -110.
        shortcuts: Whether there are any; without them it is the plain network that He et al. compare, with the same
            parameters.
        batch_norm: Whether the convolutions are followed by batch normalisation; without it they have biases.

    Returns:
        Logits `(batch, num_classes)`.

    Reference:
        As `residual_network`, section 4.2, shortcuts of type A.
    """
    convolution = partial(_convolution, batch_norm=batch_norm)
    block = partial(basic_block, convolution=convolution)
    x = convolution(images, 16, 3, 1, "stem")
    shortcut = _padded if shortcuts else None
    return _stages(x, num_classes, [(width, blocks) for width in (16, 32, 64)], block, shortcut)


def _stages(x, num_classes, widths_and_depths, block, shortcut):
    for stage, (width, depth) in enumerate(widths_and_depths, 1):
        for number in range(1, depth + 1):
            stride = 2 if stage > 1 and number == 1 else 1
            name = f"stage{stage}_block{number}"
            residual = block(x, width, stride, name)
            if shortcut is None:
                x = layers.ReLU(name=f"{name}_relu")(residual)
                continue
            if stride != 1 or x.shape[-1] != residual.shape[-1]:
                x = shortcut(x, residual.shape[-1], stride, f"{name}_shortcut")
            x = layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([x, residual]))
    x = layers.GlobalAveragePooling2D(name="average")(x)
    return x if num_classes is None else layers.Dense(num_classes, name="scores")(x)


def _projected(x, width, stride, name):
    return _convolution(x, width, 1, stride, name, relu=False)


def _padded(x, width, stride, name):
    # Every `stride`-th pixel, and zeros in the channels that are new.
    x = layers.MaxPooling2D(1, stride, name=name)(x)
    return ops.pad(x, ((0, 0), (0, 0), (0, 0), (0, width - x.shape[-1])))


def _convolution(x, width, size, stride, name, relu=True, batch_norm=True):
    # Without a bias where batch normalisation would take it away again.
    x = layers.Conv2D(
        width,
        size,
        strides=stride,
        padding="same",
        use_bias=not batch_norm,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)
    if batch_norm:
        x = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, epsilon=1e-5, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x) if relu else x


resnet_18 = partial(residual_network, depths=(2, 2, 2, 2))
resnet_34 = partial(residual_network, depths=(3, 4, 6, 3))
resnet_20 = partial(cifar_network, blocks=3)
resnet_32 = partial(cifar_network, blocks=5)
resnet_44 = partial(cifar_network, blocks=7)
resnet_56 = partial(cifar_network, blocks=9)
resnet_110 = partial(cifar_network, blocks=18)
plain_20 = partial(cifar_network, blocks=3, shortcuts=False)
plain_32 = partial(cifar_network, blocks=5, shortcuts=False)
plain_44 = partial(cifar_network, blocks=7, shortcuts=False)
plain_56 = partial(cifar_network, blocks=9, shortcuts=False)
plain_110 = partial(cifar_network, blocks=18, shortcuts=False)
