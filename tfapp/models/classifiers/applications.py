"""Classifiers that keras.applications has: VGG-16, VGG-19, ResNet-50, ResNet-101; VGG with batch normalisation."""

from functools import partial
from pathlib import Path

import keras
from keras import layers

from tfapp.errors import InputError
from tfapp.models.classifiers.residual import bottleneck_block, chosen_stem, residual_network
from tfapp.models.vgg import WIDTHS, batch_normalised, centre_as_imagenet
from tfapp.models.weights import load_weights_file

# What keras.applications asks for.
SMALLEST = 32
# Convolutions of each block: configurations A, D and E of Simonyan and Zisserman, table 1.
_CONVOLUTIONS = {"VGG11": (1, 1, 2, 2, 2), "VGG16": (2, 2, 3, 3, 3), "VGG19": (2, 2, 4, 4, 4)}


def vgg(images, num_classes, *, network, weights=None, batch_norm=False):
    """Apply a VGG network as keras.applications has it, without dropout.

    On 224x224x3 and 1,000 classes VGG-16 has 138,357,544 parameters and VGG-19 143,667,240.

    Args:
        images: Images `(batch, height, width, channels)` of at least 32x32 pixels.
        num_classes: Number of classes.
        network: Its name in keras.applications.
        weights: Weights file of the network with its top for `num_classes` classes, or None for random weights.
            With a file the images are centred as the network was trained: give no `image_scale` or `image_mean`.
        batch_norm: Whether batch normalisation follows every layer but the last, before its ReLU; these have no
            biases then. The kernels begin as without.

    Returns:
        Logits `(batch, num_classes)`.

    Raises:
        InputError: For a file that cannot be used, or weights with batch normalisation.

    Reference:
        K. Simonyan, A. Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition",
        ICLR 2015, arXiv:1409.1556, configurations D and E.
    """
    if not batch_norm:
        return _application(images, num_classes, network, weights)
    if weights is not None:
        raise InputError(
            f"Weights of {network} are for the network without batch normalisation; leave one out."
        )
    return narrow_vgg(images, num_classes, network=network, batch_norm=True)


def narrow_vgg(images, num_classes, *, network, base_width=64, hidden=4096, batch_norm=False):
    """Apply a VGG network of any width, with the initial kernels of keras.applications (Glorot and Bengio, 2010).

    VGG-11, which keras.applications has not, has 132,863,336 parameters on 224x224x3 and 1,000 classes.

    Args:
        images, num_classes: As in `vgg`.
        network: `VGG11`, `VGG16` or `VGG19`.
        base_width: Filters of the first block, 64 as published; the others have 2, 4, 8 and 8 times as many.
        hidden: Units of the two dense layers before the last, 4096 as published.
        batch_norm: As in `vgg`.

    Returns:
        Logits `(batch, num_classes)`.

    Reference:
        As `vgg`.
    """
    x = images
    for block, (count, width) in enumerate(zip(_CONVOLUTIONS[network], WIDTHS, strict=True), 1):
        for number in range(1, count + 1):
            options = {"padding": "same", "name": f"block{block}_conv{number}"}
            x = _layer(x, layers.Conv2D, width * base_width, 3, batch_norm=batch_norm, **options)
        x = layers.MaxPooling2D(name=f"block{block}_pool")(x)
    x = layers.Flatten(name="flatten")(x)
    for name in ("fc1", "fc2"):
        x = _layer(x, layers.Dense, hidden, name=name, batch_norm=batch_norm)
    return layers.Dense(num_classes, name="predictions")(x)


def _layer(x, kind, *sizes, name, batch_norm, **options):
    x = kind(*sizes, use_bias=not batch_norm, name=name, **options)(x)
    if batch_norm:
        x = batch_normalised(x, name)
    return layers.ReLU(name=f"{name}_relu")(x)


def bottleneck_resnet(images, num_classes, *, network, depths, stem=None, weights=None):
    """Apply a residual network of bottleneck blocks: with the stem `imagenet` that of keras.applications, version 1.

    On 1,000 classes ResNet-50 has 25,583,592 trainable parameters and ResNet-101 44,601,832. With the stem
    `cifar`, which keras.applications has not, the convolutions have no biases.

    Args:
        images: Images `(batch, height, width, channels)` of at least 32x32 pixels.
        num_classes: Number of classes.
        network: Its name in keras.applications.
        depths: Blocks of its four stages.
        stem: As `chosen_stem` takes it.
        weights: As in `vgg`; they need the stem `imagenet`.

    Returns:
        Logits `(batch, num_classes)`.

    Raises:
        InputError: For an unknown stem, weights with the stem `cifar`, or a file that cannot be used.

    Reference:
        As `residual_network`.
    """
    if chosen_stem(stem, images) == "imagenet":
        return _application(images, num_classes, network, weights)
    if weights is not None:
        raise InputError(f"Weights of {network} need its own first layers; build it with stem='imagenet'.")
    return residual_network(images, num_classes, depths=depths, block=bottleneck_block, stem="cifar")


def _application(images, num_classes, network, weights):
    if weights is not None:
        _check_weights(images, network, weights)
        images = centre_as_imagenet(images)
    model = getattr(keras.applications, network)(
        weights=None, input_tensor=images, classes=num_classes, classifier_activation=None
    )
    if weights is not None:
        expected = f"keras.applications.{network} with its top for {num_classes} classes"
        load_weights_file(model, Path(weights), expected)
        _turn_channels(model)
    return model.output


def _check_weights(images, network, weights):
    if images.shape[-1] != 3:
        raise InputError(f"The weights of {network} are for RGB images; got {images.shape[-1]} channel(s).")
    if not Path(weights).is_file():
        raise InputError(
            f"The weights {weights} do not exist; expected a file of keras.applications.{network}: nothing is "
            "downloaded."
        )


def _turn_channels(model):
    # Caffe's channels are blue, green, red.
    first = next(layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D))
    kernel, bias = first.get_weights()
    first.set_weights([kernel[:, :, ::-1], bias])


vgg_11 = partial(narrow_vgg, network="VGG11")
vgg_16 = partial(vgg, network="VGG16")
vgg_19 = partial(vgg, network="VGG19")
resnet_50 = partial(bottleneck_resnet, network="ResNet50", depths=(3, 4, 6, 3))
resnet_101 = partial(bottleneck_resnet, network="ResNet101", depths=(3, 4, 23, 3))
