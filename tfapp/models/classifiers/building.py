"""Builder of classifiers: from a name to a Keras model."""

import math
import random
import threading
from contextlib import contextmanager
from inspect import signature

import keras
import numpy as np
from keras import layers

from tfapp.errors import InputError, either
from tfapp.models.building import add_weight_decay
from tfapp.models.classifiers.alexnet import LEAST_SIDE, alexnet, alexnet_bn
from tfapp.models.classifiers.all_cnn import all_cnn_c
from tfapp.models.classifiers.applications import SMALLEST, resnet_50, resnet_101, vgg_11, vgg_16, vgg_19
from tfapp.models.classifiers.lenet import lenet_5, lenet_5_sigmoid, lenet_cifar10, lenet_mnist
from tfapp.models.classifiers.lenet_1998 import lenet_5_1998
from tfapp.models.classifiers.residual import (
    plain_20,
    plain_32,
    plain_44,
    plain_56,
    plain_110,
    resnet_18,
    resnet_20,
    resnet_32,
    resnet_34,
    resnet_44,
    resnet_56,
    resnet_110,
)

_ONE_AT_A_TIME = threading.Lock()
# Sides of an image in pixels below which nothing would be left of it at the end of the convolutions; others take any.
SMALLEST_SIDES = {
    "lenet-5": 12,
    "lenet-5-sigmoid": 12,
    "lenet-mnist": 16,
    "alexnet": LEAST_SIDE,
    "alexnet-bn": 32,
    "all-cnn-c": 9,
    **dict.fromkeys(("vgg-11", "vgg-16", "vgg-19", "resnet-50", "resnet-101"), SMALLEST),
}


@contextmanager
def seeded_layers(seed):
    """Give all layers that this thread builds inside their seeds from this one.

    Keras draws the seed of an initialiser, or of dropout, that was given none by Python's `random.randint`, also
    inside keras.applications, where no seed can be passed. Other threads, such as those of a Dask worker, go on
    with the generator that everybody shares: seeding that one would let them take numbers away.
    """
    own, builder = random.Random(seed), threading.get_ident()
    with _ONE_AT_A_TIME:
        shared = random.randint

        def randint(low, high):
            return (own.randint if threading.get_ident() == builder else shared)(low, high)

        random.randint = randint
        try:
            yield
        finally:
            random.randint = shared


def two_layer(inputs, num_classes, *, hidden=100):
    """Apply a two-layer ReLU network: 10,302 parameters from 100 inputs to 2 classes.

    Args:
        inputs: Vectors `(batch, length)`, or images, which are flattened.
        num_classes: Number of classes.
        hidden: Width of the hidden layer.

    Returns:
        Logits `(batch, num_classes)`.
    """
    x = layers.Flatten(name="flatten")(inputs)
    x = layers.Dense(hidden, activation="relu", kernel_initializer="he_normal", name="dense1")(x)
    return layers.Dense(num_classes, name="scores")(x)


# Names of the classifiers that `build_classifier` takes, and the functions that make them.
CLASSIFIERS = {
    "two-layer": two_layer,
    "lenet-5": lenet_5,
    "lenet-5-sigmoid": lenet_5_sigmoid,
    "lenet-5-1998": lenet_5_1998,
    "lenet-mnist": lenet_mnist,
    "lenet-cifar10": lenet_cifar10,
    "alexnet": alexnet,
    "alexnet-bn": alexnet_bn,
    "vgg-11": vgg_11,
    "vgg-16": vgg_16,
    "vgg-19": vgg_19,
    "all-cnn-c": all_cnn_c,
    "resnet-18": resnet_18,
    "resnet-34": resnet_34,
    "resnet-50": resnet_50,
    "resnet-101": resnet_101,
    "resnet-20": resnet_20,
    "resnet-32": resnet_32,
    "resnet-44": resnet_44,
    "resnet-56": resnet_56,
    "resnet-110": resnet_110,
    "plain-20": plain_20,
    "plain-32": plain_32,
    "plain-44": plain_44,
    "plain-56": plain_56,
    "plain-110": plain_110,
}


def build_classifier(
    name,
    num_classes,
    input_shape,
    *,
    seed=0,
    weight_decay=0.0,
    kernels_only=False,
    image_scale=1.0,
    image_mean=0.0,
    batch_norm=None,
    **options,
):
    """Build a classifier by name, whose weights depend on the seed alone.

    Args:
        name: One of `CLASSIFIERS`.
        num_classes: Number of classes, at least 2.
        input_shape: `(height, width, channels)` of the images; `two-layer` also takes `(length,)`.
        seed: Non-negative integer; the same seed gives the same weights.
        weight_decay: Adds `weight_decay / 2 * ||w||^2` to the loss, over all that is trained: at least 0.
        kernels_only: Whether that is over the kernels only.
        image_scale, image_mean: The network sees `image_scale * (image - image_mean)`: a number, and a number, one
            per channel or an image, in the units of the images, [0, 1].
        batch_norm: Whether the network has batch normalisation, for those that `takes_batch_norm` names; None for
            what is its own: the residual networks and their plain twins with it, LeNets and VGG without.
        options: Keyword arguments of the network, such as `stem` of the residual ones, `groups` and `dropout` of
            `alexnet`, or `weights`, a file, of those of keras.applications.

    Returns:
        `keras.Model` from `(batch, height, width, channels)` in [0, 1] to logits `(batch, num_classes)`, float32, in
        a layer called `logits`: losses take `from_logits=True`.

    Raises:
        InputError: For an unknown name, fewer than two classes, images that the network cannot take, a weight decay
            that is negative or not finite, or `batch_norm` of a network that does not take it.
    """
    _check(name, num_classes, input_shape, weight_decay)
    check_batch_norm(name, batch_norm)
    if batch_norm is not None:
        options["batch_norm"] = batch_norm
    images = keras.Input(input_shape, name="images")
    with seeded_layers(seed):
        scores = CLASSIFIERS[name](_scaled(images, image_scale, image_mean), num_classes, **options)
    logits = keras.layers.Activation("linear", dtype="float32", name="logits")(scores)
    model = keras.Model(images, logits, name=name)
    add_weight_decay(model, weight_decay, kernels_only)
    return model


def takes_batch_norm() -> list[str]:
    """Return the names of the classifiers that are built with or without batch normalisation."""
    return [name for name, network in CLASSIFIERS.items() if "batch_norm" in signature(network).parameters]


def check_batch_norm(name, batch_norm):
    """Raise InputError where a classifier is not built with or without batch normalisation, and one is wanted.

    Args:
        name: One of `CLASSIFIERS`.
        batch_norm: As for `build_classifier`.
    """
    takers = takes_batch_norm()
    if batch_norm is None or name in takers:
        return
    other = " AlexNet with batch normalisation is alexnet-bn." if name == "alexnet" else ""
    raise InputError(f"`batch_norm` is for {either(takers)}; got {name}.{other}")


def _scaled(images, scale, mean):
    offset = -scale * np.asarray(mean, np.float64)
    if scale == 1.0 and not offset.any():
        return images
    return keras.layers.Rescaling(scale, offset=offset.tolist(), name="scaled")(images)


def _check(name, num_classes, input_shape, weight_decay):
    if name not in CLASSIFIERS:
        raise InputError(f"Unknown classifier {name!r}; choose one of: {', '.join(CLASSIFIERS)}.")
    if num_classes < 2:
        raise InputError(f"A classifier needs at least 2 classes; got {num_classes}.")
    if not (math.isfinite(weight_decay) and weight_decay >= 0):
        raise InputError(f"The weight decay must be a finite number of at least 0; got {weight_decay}.")
    lengths = (1, 3) if name == "two-layer" else (3,)
    if len(input_shape) not in lengths or not all(length and length > 0 for length in input_shape):
        raise InputError(
            f"{name} takes images of a fixed shape (height, width, channels); got {tuple(input_shape)}."
        )
    smallest = SMALLEST_SIDES.get(name, 1)
    if min(input_shape[:2]) < smallest:
        raise InputError(
            f"{name} needs images of at least {smallest}x{smallest} pixels; got {tuple(input_shape)}."
        )
