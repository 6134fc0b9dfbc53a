"""Backbones: trained networks whose features are taken as they are."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfapp.errors import InputError, reason_of_call
from tfapp.models.backbones import application_network, as_taken, check_input_scale
from tfapp.models.hub import PREFIX, hub_network
from tfapp.models.input_scale import chosen_scale
from tfapp.models.weights import load_keras_model


@dataclass(frozen=True, eq=False)
class Backbone:
    """A network that gives one feature vector for an image.

    Attributes:
        name: As it was named: one of keras.applications, or a `.keras` file.
        layer: Layer whose output the features are, averaged over all places if it has any.
        model: Keras model from float32 images `(batch, side, side, 3)` in [0, 1] to float32 features
            `(batch, dimension)`.
        input_scale: What a file gets for white; 1 for networks of keras.applications, None for what a preset of
            keras-hub says.
        scale_reason: Why a file gets it, in words; empty for the others.
    """

    name: str
    layer: str
    model: keras.Model
    input_scale: float | None = 1.0
    scale_reason: str = ""

    @property
    def dimension(self):
        return self.model.output_shape[-1]

    def features(self, images):
        """Return the features float32 (n, dimension) of images float32 (n, side, side, 3) in [0, 1]."""
        return self._graph(images).numpy()

    @cached_property
    def _graph(self):
        # One graph for any number of images, where `predict_on_batch` traces one for each number.
        signature = [tf.TensorSpec((None, *self.model.input_shape[1:]), tf.float32)]
        return tf.function(lambda images: self.model(images, training=False), signature, autograph=False)

    def description(self):
        """Return what tells this backbone from others: plain JSON values, with a SHA-256 over all weights.

        And with one over the layers and their settings, the value of white among them, as this version of Keras tells
        them: networks of the same weights may compute something else.
        """
        digest = hashlib.sha256()
        for variable in self.model.weights:
            digest.update(str(tuple(variable.shape)).encode())
            digest.update(np.ascontiguousarray(variable))
        name = Path(self.name).name if self.name.endswith(".keras") else self.name
        return {
            "name": name,
            "layer": self.layer,
            "weights": digest.hexdigest(),
            ARCHITECTURE: _architecture_hash(self.model),
        }


def changes(then, now, *, same_keras):
    """Return the entries of a `Backbone.description` that are others than they were.

    Args:
        then: A stored description; one of an earlier version has no architecture, of which nothing is known then.
        now: That of the backbone as it is.
        same_keras: Whether both were told by the same version of Keras; other versions tell the same layers otherwise.
    """
    compared = [name for name in now if name != ARCHITECTURE or (same_keras and ARCHITECTURE in then)]
    return [name for name in compared if then.get(name) != now[name]]


ARCHITECTURE = "architecture"


def _architecture_hash(model):
    config = {**model.get_config(), "name": None}
    names = {}
    _number_layers(config, names)
    # What JSON cannot hold stands for itself by its class: a repr may contain an address, new in every process.
    text = json.dumps(_renamed(config, names), sort_keys=True, default=lambda thing: type(thing).__qualname__)
    return hashlib.sha256(text.encode()).hexdigest()


def _number_layers(config, names):
    """Number the layers and operations of a configuration by its own order: Keras counts those of a process."""
    if isinstance(config, dict):
        layers = config.get("layers")
        for layer in layers if isinstance(layers, list) else ():
            # The layers of a `Sequential` have their names among their settings alone.
            name = layer.get("name") or layer.get("config", {}).get("name")
            names.setdefault(name, f"layer {len(names)}")
        config = list(config.values())
    if isinstance(config, (list, tuple)):
        for value in config:
            _number_layers(value, names)


def _renamed(content, names):
    if isinstance(content, dict):
        return {key: _renamed(value, names) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_renamed(value, names) for value in content]
    return names.get(content, content) if isinstance(content, str) else content


def open_backbone(name, side, *, weights=None, layer=None, input_scale=None):
    """Open a backbone for square images.

    Args:
        name: A network of keras.applications, such as `ResNet101`, the path of a `.keras` file of any model for
            images of 3 channels, or `keras-hub:PRESET`, a folder or name of keras-hub.
        side: Side of the images in pixels.
        weights: For keras.applications: a file of its weights without the top, or `imagenet`, for which Keras
            downloads them unless it has them.
        layer: For a file: name of the layer whose output is taken, of rank 4, averaged over all places, or of
            rank 2; None for what enters the last Dense layer, or for the output of a model without one.
        input_scale: For a file: the value that the model takes for white; None for what it declares, or 1. For
            keras-hub: the same; None for what the preset says.

    Returns:
        `Backbone`. Networks of keras.applications and of keras-hub get their images as they were trained with them.

    Raises:
        InputError: No such network, weights or layer, or a model that cannot take these images.
    """
    if str(name).endswith(".keras"):
        if weights is not None:
            raise InputError(f"`weights` is for networks of keras.applications; {name} has its own weights.")
        return _of_file(str(name), side, layer, input_scale)
    if str(name).startswith(PREFIX):
        if weights is not None or layer is not None:
            raise InputError(f"`weights` and `layer` are not for {name}, which has its own; leave them out.")
        return _of_hub(str(name), side, input_scale)
    if layer is not None or input_scale not in (None, 1.0):
        raise InputError("`layer` and `input_scale` are for .keras files; leave them out.")
    return _of_application(str(name), side, weights)


def _of_application(name, side, weights):
    network, prepare = application_network(name, (side, side, 3), weights, pooling="avg")
    images = keras.Input((side, side, 3), name="images")
    features = keras.layers.Activation("linear", dtype="float32", name="features")(network(prepare(images)))
    return Backbone(name, "average of the last convolution", keras.Model(images, features))


def _of_hub(name, side, input_scale):
    check_input_scale(input_scale)
    network, prepare = hub_network(name, input_scale)
    _check_images(network, name, side)
    images = keras.Input((side, side, 3), name="images")
    found = network(prepare(images))
    rank = len(getattr(found, "shape", ()))
    if rank not in (2, 3, 4):
        raise InputError(f"{name} gives several outputs; expected one of features.")
    averages = {
        3: ("average of the tokens", keras.layers.GlobalAveragePooling1D),
        4: ("average of the last map", keras.layers.GlobalAveragePooling2D),
    }
    layer, average = averages.get(rank, ("output", None))
    features = keras.layers.Activation("linear", dtype="float32", name="features")(
        average()(found) if average else found
    )
    backbone = Backbone(name, layer, keras.Model(images, features), input_scale)
    _check_computable(backbone, side)
    return backbone


def _of_file(name, side, layer, input_scale):
    check_input_scale(input_scale)
    model = load_keras_model(Path(name))
    _check_images(model, name, side)
    scale, reason = chosen_scale(model, name, input_scale)
    layer, found = _features(model, name, layer, side)
    # Not `input`, which a loaded `Sequential` does not have.
    [taken] = model.inputs
    inner = keras.Model(taken, found)
    images = keras.Input((side, side, 3), name="images")
    features = inner(as_taken(images, taken, scale))
    if len(features.shape) == 4:
        features = keras.layers.GlobalAveragePooling2D()(features)
    features = keras.layers.Activation("linear", dtype="float32", name="features")(features)
    backbone = Backbone(name, layer, keras.Model(images, features), scale, reason)
    _check_computable(backbone, side)
    return backbone


def _check_computable(backbone, side):
    try:
        backbone.features(np.zeros((1, side, side, 3), np.float32))
    except Exception as error:  # layers raise what they like
        raise InputError(
            f"{backbone.name} cannot be computed of a black image of {side}x{side} pixels ({reason_of_call(error)})."
        ) from error


def _check_images(model, name, side):
    shape = getattr(model, "input_shape", None)
    if not (isinstance(shape, tuple) and len(shape) == 4 and shape[-1] == 3):
        raise InputError(
            f"{name} takes {shape or 'no one array'}; expected a model of images (height, width, 3)."
        )
    if any(length not in (None, side) for length in shape[1:3]):
        raise InputError(
            f"{name} takes images of {shape[2]}x{shape[1]} pixels; expected {side}x{side}: say its size by `high`."
        )


# A map that is so much smaller than the image is one of features, and not of classes of pixels.
_LEAST_STRIDE = 8


def _features(model, name, layer, side):
    """Return the name of the layer and its output, of rank 2 or 4."""
    if layer is None:
        dense = [one for one in model.layers if isinstance(one, keras.layers.Dense)]
        if dense:
            layer, found = f"input of {dense[-1].name}", dense[-1].input
        elif _ends_in_features(model, side):
            layer, found = "output", model.outputs[0]
        else:
            raise InputError(
                f"{name} has no Dense layer with features as its input; say a layer by `layer` NAME."
            )
    else:
        names = [one.name for one in model.layers]
        if layer not in names:
            raise InputError(f"{name} has no layer {layer!r}; the last ones are {', '.join(names[-6:])}.")
        found = model.get_layer(layer).output
    if len(getattr(found, "shape", ())) not in (2, 4):
        raise InputError(
            f"The layer {layer!r} of {name} gives {getattr(found, 'shape', 'several outputs')}; expected "
            "(batch, height, width, features) or (batch, features)."
        )
    return layer, found


def _ends_in_features(model, side):
    """Return whether a model without its top ends in a vector, or in a map much smaller than the image."""
    if len(model.outputs) != 1:
        return False
    shape = tuple(model.compute_output_shape((1, side, side, 3)))
    return len(shape) == 2 or (len(shape) == 4 and max(shape[1:3]) <= max(1, side // _LEAST_STRIDE))
