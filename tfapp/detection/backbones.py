"""Backbones of detectors: a trained network up to a layer, with the stride of its features."""

from dataclasses import dataclass
from pathlib import Path

import keras

from tfapp.errors import InputError, reason_of_call
from tfapp.models.backbones import application_network, as_taken, check_input_scale
from tfapp.models.input_scale import chosen_scale
from tfapp.models.vgg import centre_as_imagenet, vgg_block
from tfapp.models.vgg_weights import load_encoder_weights
from tfapp.models.weights import load_keras_model

VGG16 = "vgg16"
# Stride of the features where nobody names a layer, as in Girshick (2015) and Ren et al. (2015).
USUAL_STRIDE = 16
# Sides that a backbone is asked for, of which features of a stride have exactly that share.
_SIDES = (512, 768)


@dataclass(frozen=True, eq=False)
class Backbone:
    """A network from images to features.

    Attributes:
        model: Keras model from float32 images `(batch, height, width, 3)` in [0, 1] of any size to features
            `(batch, height / stride, width / stride, channels)`.
        layer: Name of the layer that the features are of.
        stride: Pixels between neighbouring features.
        input_scale: What a file gets for white; 1 for others.
        scale_reason: Why a file gets it, in words; empty for others.
    """

    model: keras.Model
    layer: str
    stride: int
    input_scale: float = 1.0
    scale_reason: str = ""


def open_backbone(name, *, weights=None, layer=None, input_scale=None, frozen_stride=2):
    """Open the backbone of a detector.

    Its batch normalisations keep their statistics, scale and shift: two images a batch do not tell new ones.

    Args:
        name: `vgg16`, the convolutions of VGG-16 without its last pooling; a network of keras.applications, such as
            `ResNet50`; or the path of a `.keras` file of any model for images of three channels and any size.
        weights: Of VGG-16 and keras.applications: a file, or `imagenet`; None for random weights of VGG-16.
        layer: Layer whose output the features are; None for the last one of stride 16, or of the largest stride below.
        input_scale: Of a file: the value that it takes for white; None for what it declares.
        frozen_stride: Layers in front of the features whose output has at most this stride keep their weights; 0 to
            train all.

    Raises:
        InputError: No such network, weights or layer, or a network whose stride is not known.
    """
    if name == VGG16:
        found = _vgg16(weights, layer, input_scale)
    elif str(name).endswith(".keras"):
        if weights is not None:
            raise InputError(
                f"`weights` is for vgg16 and networks of keras.applications; {name} has its own."
            )
        found = _of_file(str(name), layer, input_scale)
    else:
        found = _of_application(str(name), weights, layer, input_scale)
    _freeze(found.model, frozen_stride)
    return found


def _vgg16(weights, layer, input_scale):
    if layer is not None or input_scale not in (None, 1.0):
        raise InputError("`layer` and `input_scale` are not for vgg16; leave them out.")
    images = keras.Input((None, None, 3), name="images")
    x = centre_as_imagenet(images)
    for block in range(1, 6):
        x = vgg_block(x, block, 64)
        if block < 5:
            x = keras.layers.MaxPooling2D(name=f"block{block}_pool")(x)
    model = keras.Model(images, x, name="backbone")
    if weights is not None:
        load_encoder_weights(model, weights)
    return Backbone(model, model.layers[-1].name, 16)


def _of_application(name, weights, layer, input_scale):
    if input_scale not in (None, 1.0):
        raise InputError("`input_scale` is for .keras files; leave it out.")
    network, prepare = application_network(name, (None, None, 3), weights)
    layer, stride = _chosen(network, name, layer)
    inner = keras.Model(network.inputs, network.get_layer(layer).output, name="network")
    images = keras.Input((None, None, 3), name="images")
    return Backbone(keras.Model(images, inner(prepare(images)), name="backbone"), layer, stride)


def _of_file(name, layer, input_scale):
    check_input_scale(input_scale)
    model = load_keras_model(Path(name))
    shapes = [tuple(one.shape) for one in model.inputs]
    if len(shapes) != 1 or shapes[0][1:] != (None, None, 3):
        told = " and ".join(map(str, shapes))
        raise InputError(
            f"{name} takes {told}; expected one input of images of any size, (None, None, None, 3): save the model "
            "with an input of (None, None, 3)."
        )
    scale, reason = chosen_scale(model, name, input_scale)
    layer, stride = _chosen(model, name, layer)
    [taken] = model.inputs
    inner = keras.Model(taken, model.get_layer(layer).output, name="network")
    images = keras.Input((None, None, 3), name="images")
    found = keras.Model(images, inner(as_taken(images, taken, scale)), name="backbone")
    return Backbone(found, layer, stride, scale, reason)


def strides_of(model):
    """Return the strides of the layers of a model of images of any size, by name, in the order of the layers.

    A layer has one if its output is a feature map whose sides are the same share, one of a whole number, of images of
    several sizes.
    """
    maps = [one for one in model.layers if len(getattr(_output_of(one), "shape", ())) == 4]
    whole = keras.Model(model.inputs, [one.output for one in maps])
    shapes = [whole.compute_output_shape((1, side, side, 3)) for side in _SIDES]
    found = {}
    for one, *sizes in zip(maps, *shapes, strict=True):
        strides = {side / length for side, size in zip(_SIDES, sizes, strict=True) for length in size[1:3]}
        if len(strides) == 1 and (stride := strides.pop()) == int(stride):
            found[one.name] = int(stride)
    return found


def _output_of(layer):
    try:
        return layer.output
    except (AttributeError, ValueError):  # of a layer that was called never, or more than once
        return None


def _chosen(model, name, layer):
    """Return the name of the layer of the features and its stride."""
    try:
        strides = strides_of(model)
    except Exception as error:  # layers raise what they like
        raise InputError(
            f"The strides of {name} cannot be told ({reason_of_call(error)}); expected layers that Keras knows the "
            "shapes of."
        ) from error
    if layer is None:
        usable = {one: stride for one, stride in strides.items() if 2 <= stride <= USUAL_STRIDE}
        if not usable:
            raise InputError(
                f"{name} has no layer of a stride from 2 to {USUAL_STRIDE}; name one by `layer`."
            )
        largest = max(usable.values())
        return [one for one, stride in usable.items() if stride == largest][-1], largest
    if layer not in [one.name for one in model.layers]:
        raise InputError(f"{name} has no layer {layer!r}; some are {', '.join(list(strides)[-6:])}.")
    if layer not in strides:
        raise InputError(
            f"The stride of layer {layer!r} of {name} is not known: its output is no feature map whose sides are one "
            f"share of the image; name another by `layer`, such as {list(strides)[-1]}."
        )
    return layer, strides[layer]


def _freeze(model, frozen_stride):
    nested = [one for one in model.layers if isinstance(one, keras.Model)]
    for inner in nested or [model]:
        strides = strides_of(inner)
        for layer in inner.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False
            if strides.get(layer.name, frozen_stride + 1) <= frozen_stride:
                layer.trainable = False
