"""Put a TV head onto any Keras segmenter: its logits are found by the structure of its last layers."""

from typing import NamedTuple

import keras
import tensorflow as tf

from tfapp.layers.arguments import at_least_float32, check_choice
from tfapp.layers.options import CheckedOptions
from tfapp.layers.tv.activations import TVSigmoid, TVSoftmax
from tfapp.layers.tv.layer import TVLayer
from tfapp.layers.tv.trial import check_by_value

_HEADS = {"softmax": TVSoftmax, "sigmoid": TVSigmoid}
OUTPUTS = ("auto", "logits", "probabilities")
_PROBABILITIES = ("softmax", "sigmoid")
_LINEAR, _REGULARISED, _ANOTHER_AXIS = "linear", "tv", "another axis"
# Layers that apply their activation last, to all that they computed before.
_ACTIVATED = tuple(
    getattr(keras.layers, name)
    for name in (
        *(f"Conv{axes}D{kind}" for axes in (1, 2, 3) for kind in ("", "Transpose")),
        *(f"{kind}Conv{axes}D" for axes in (1, 2) for kind in ("Separable", "Depthwise")),
        *("Dense", "EinsumDense"),
    )
)
# By name, as operations such as `keras.ops.image.resize` have no public class.
_UNCHANGED = ("Identity", "Cast")
_NORMALISED = ("BatchNormalization", "GroupNormalization", "LayerNormalization")
_MOVED = (
    *(f"{kind}{axes}D" for axes in (1, 2, 3) for kind in ("UpSampling", "Cropping", "ZeroPadding")),
    *("Resizing", "Resize", "Reshape", "Permute", "Transpose", "GetItem"),
    *("PadToStride", "CropLike", "ResizeLike"),
)
_JOINED = ("Add", "Average", "Concatenate")


def regularise(model, tv_weight=1.0, *, learn_tv_weight=False, output="auto", name=None, **options):
    """Return a segmenter with a TV head in place of its softmax or sigmoid, on the same variables.

    The last layers of the model tell where its logits are:

    - A softmax or sigmoid, as a layer, an operation of `keras.ops`, or the activation of a convolution: the
      logits are what goes into it. The head is `TVSoftmax` or `TVSigmoid`.
    - A convolution or dense layer with linear activation, also when its answer is normalised, resized, cropped,
      padded or added to others: these are the logits. The head is `TVSigmoid` for one channel, else `TVSoftmax`.
    - Probabilities that are resized, cropped, padded or averaged: the logits are their logarithms.
    - A model inside the model is looked into.

    Anything else, such as a subclassed model, `Lambda` or a custom layer, does not tell: say it by `output`.

    What was found, or said, is compared with the model's own answer to two small trial images: with a weight of 0
    the result is the model, or the softmax or sigmoid of its logits.

    Args:
        model: Built Keras model (functional, `Sequential`, or subclassed) from images to one output
            `(batch, *spatial, classes)`. It stays as it is.
        tv_weight: Float >= 0, lambda in units of the logits.
        learn_tv_weight: False to regularise at test time only; True to learn lambda when the result is
            fine-tuned, which trains the model too.
        output: What the model gives: `"logits"`, `"probabilities"` (their logarithms become the logits), or
            `"auto"` to go by the rules above.
        name: Name of the result; that of the model if None.
        options: Those of `TVLayer`, such as `tolerance`, `inference_iterations`, `voxel_size` or `return_gap`.

    Returns:
        `keras.Model`, not compiled, from the same images to probabilities `(batch, *spatial, classes)`. Use
        `predict`, or call it with `training=False`: after a layer like `Resizing`, whose own default is True, a
        bare call counts as training to Keras, which takes fewer iterations.

    Raises:
        ValueError: For a model with several outputs, another shape, a softmax over another axis or over one
            channel, a TV head already, a structure that does not tell, or one that seems to tell what the model's
            own answer is not (`MisreadOutput`).

    Example:
        >>> images = keras.Input((None, None, 3))
        >>> segmenter = keras.Model(images, keras.layers.Conv2D(4, 3, padding="same", activation="softmax")(images))
        >>> regularise(segmenter, tv_weight=2.0).output_shape
        (None, None, None, 4)
    """
    inputs, logits, activation = model_logits(model, output)
    head = _HEADS[activation](tv_weight, learn_tv_weight, **options)
    return keras.Model(inputs, head(logits), name=name or model.name)


def with_gap(model):
    """Return a segmenter that also gives the duality gap of its TV head, from the same run of the solver.

    Args:
        model: Keras model whose one output comes from a `TVSoftmax` or `TVSigmoid`, its own or that of a
            model inside it.

    Returns:
        `keras.Model` on the same variables, to `[output, gap]`; the gap `(batch,)` is per pixel, in units of
        the logits.

    Raises:
        ValueError: If the model does not end in a TV layer.
    """
    if not is_functional(model) or len(model.outputs) != 1:
        raise _no_tv_layer(model)
    return keras.Model(inputs_of(model), _output_and_gap(model, model.outputs[0]), name=model.name)


def _output_and_gap(model, output):
    layer, arguments, index = call_of(output)
    if isinstance(layer, TVLayer):
        return list(shared_copy(layer, return_gap=True)(*arguments.args, **arguments.kwargs))
    if not is_functional(layer):
        raise _no_tv_layer(model)
    inner = keras.Model(inputs_of(layer), _output_and_gap(model, layer.outputs[index]), name=layer.name)
    return inner(*arguments.args, **arguments.kwargs)


def _no_tv_layer(model):
    return ValueError(f"`model` must end in a TVSoftmax or TVSigmoid layer. Received: model={model.name!r}")


class UnclearOutput(ValueError):
    """The structure of a model does not tell whether it gives logits or probabilities."""


class ModelLogits(NamedTuple):
    """Where a model has its logits.

    Attributes:
        inputs: Symbolic input of the model.
        logits: Symbolic tensor (batch, *spatial, classes), on the variables of the model.
        activation: What makes probabilities of them: `softmax` or `sigmoid`.
    """

    inputs: object
    logits: keras.KerasTensor
    activation: str


class _Ending(NamedTuple):
    form: str | None  # an activation, one of the names above, or None where the structure does not tell
    logits: keras.KerasTensor


def model_logits(model, output="auto"):
    """Return the `ModelLogits` of a segmenter; see `regularise` for the rules.

    Args:
        model: Built Keras model with one output (batch, *spatial, classes).
        output: What the model gives: `logits`, `probabilities`, or `auto` to tell by its structure.

    Raises:
        ValueError: For another kind of model, one that has a TV head already, or one whose structure does
            not tell what it gives.
        MisreadOutput: If the model's own answer to a trial image is not what was found or said.
    """
    check_choice("output", output, OUTPUTS)
    inputs, answer = _ends(model)
    if _is_channels_first(answer):
        raise ValueError(
            "`model` must have its classes in the last axis; put `keras.layers.Permute` behind it, to move them there. "
            f"Received: model={model.name!r}, which ends in a layer with data_format='channels_first'"
        )
    logits, activation, are_logits = _logits_in(model, answer, output)
    found = ModelLogits(inputs, logits, activation)
    check_by_value(model, found, answer, output, are_logits=are_logits)
    return found


def _is_channels_first(tensor):
    operation, _, index = call_of(tensor)
    if is_functional(operation):
        return _is_channels_first(operation.outputs[index])
    return getattr(operation, "data_format", None) == "channels_first"


def _logits_in(model, answer, output):
    """Return the logits behind an answer, what makes probabilities of them, and whether they are the answer itself."""
    activation = "sigmoid" if answer.shape[-1] == 1 else "softmax"
    if output == "logits":
        return answer, activation, True
    if output == "probabilities":
        return ProbabilityLogits(activation)(answer), activation, False
    ending = _trace(answer)
    if ending.form == _REGULARISED:
        raise ValueError(
            "`model` must not end in a TV layer already; change the `tv_weight` of that one. "
            f"Received: model={model.name!r}"
        )
    if ending.form == _ANOTHER_AXIS:
        raise ValueError(
            "`model` must take its softmax over the classes in the last axis. "
            f"Received: model={model.name!r}, which takes it over another"
        )
    if ending.form is None:
        operation, _, _ = call_of(answer)
        raise UnclearOutput(
            "`output` must be 'logits' or 'probabilities' for a model whose last layers do not tell which of them "
            f"it gives. Received: output='auto' and a model that ends in {type(operation).__name__}"
        )
    if ending.form == "softmax" and answer.shape[-1] == 1:
        raise ValueError(
            "`model` must not take a softmax over one channel, which is 1 everywhere: one channel takes a sigmoid. "
            f"Received: model={model.name!r}"
        )
    if ending.form == _LINEAR:
        return ending.logits, activation, True
    return ending.logits, ending.form, False


def ends_in_tv_layer(model):
    """Return whether the one output of a model comes from a TV layer, possibly resized or cropped."""
    return is_functional(model) and len(model.outputs) == 1 and _trace(model.outputs[0]).form == _REGULARISED


def call_of(tensor):
    """Return what made a symbolic tensor: (operation or None, arguments of that call, index of its output)."""
    # What `keras.Model(inputs, outputs)` follows itself; `layer.output` knows a layer's first call only.
    operation, call, index = tensor._keras_history
    return operation, operation and operation._inbound_nodes[call].arguments, index


def is_functional(model):
    """Return whether a model is a graph of layers, and built."""
    return isinstance(model, keras.Model) and bool(getattr(model, "outputs", None))


def inputs_of(model):
    """Return the symbolic input, or inputs in their structure, of a functional model."""
    # The `input` of a Sequential is that of its first call by another model.
    return model.inputs[0] if isinstance(model, keras.Sequential) else model.input


def _ends(model):
    if not isinstance(model, keras.Model):
        raise ValueError(f"`model` must be a Keras model. Received: model={model!r}")
    if is_functional(model):
        inputs, outputs = inputs_of(model), model.outputs
    else:
        inputs = _symbolic_input(model)
        outputs = keras.tree.flatten(model(inputs))
    shapes = [tuple(tensor.shape) for tensor in outputs]
    if len(shapes) != 1 or not 3 <= len(shapes[0]) <= 5 or shapes[0][-1] is None:
        raise ValueError(
            "`model` must have one output (batch, *spatial, classes) with 1 to 3 spatial axes; take the part of it "
            f"that has. Received: output shapes {shapes}"
        )
    given = [tuple(one.shape) for one in keras.tree.flatten(inputs)]
    ranks = {len(shape) for shape in given}
    if len(shapes[0]) not in ranks and max(ranks) > len(shapes[0]):
        # Along a flattened image most neighbours of a pixel are not its neighbours.
        raise ValueError(
            "`model` must answer with the spatial axes of its images; put `keras.layers.Reshape((height, width, "
            "classes))` before its softmax or behind its end, or take TVSoftmax itself for an answer that has fewer. "
            f"Received: input shapes {given}, output shape {shapes[0]}"
        )
    return inputs, outputs[0]


def _symbolic_input(model):
    shape = (model.get_build_config() or {}).get("input_shape")
    if not isinstance(shape, tuple | list) or len(shape) < 3 or not isinstance(shape[-1], int):
        raise ValueError(
            "`model` must be built for images (batch, *spatial, channels); call it on one image first. "
            f"Received: model={model.name!r}, built for {shape}"
        )
    return keras.Input((*(None for _ in shape[1:-1]), shape[-1]))


def _trace(tensor):
    operation, arguments, index = call_of(tensor)
    name = type(operation).__name__
    if isinstance(operation, keras.Model):
        return _trace_nested(tensor, operation, arguments, index)
    if isinstance(operation, TVLayer):
        return _Ending(_REGULARISED, tensor)
    if name in _NORMALISED:
        # Normalised probabilities are neither probabilities nor logits.
        source = _trace(arguments.keras_tensors[0])
        return _Ending(None if source.form in _PROBABILITIES else _LINEAR, tensor)
    if name in _JOINED:
        return _carried(tensor, arguments.keras_tensors)
    if name in _MOVED:
        return _carried(tensor, arguments.keras_tensors[:1])
    activation = _activation(operation)
    if name in _UNCHANGED or (activation == _LINEAR and isinstance(operation, keras.layers.Activation)):
        return _trace(arguments.keras_tensors[0])
    if activation in _PROBABILITIES:
        if not _over_last_axis(operation, tensor):
            return _Ending(_ANOTHER_AXIS, tensor)
        return _Ending(activation, _before(operation, arguments.keras_tensors[0]))
    return _Ending(_LINEAR if activation == _LINEAR else None, tensor)


def _activation(operation):
    if isinstance(operation, (keras.layers.Activation, *_ACTIVATED)):
        return getattr(operation.activation, "__name__", None)
    # The layer and the operation of `keras.ops` have the same name.
    return type(operation).__name__.lower()


def _over_last_axis(operation, tensor):
    # The `axis` of a convolution, if it has one, is another matter.
    axis = -1 if isinstance(operation, _ACTIVATED) else getattr(operation, "axis", -1)
    return axis in (-1, len(tensor.shape) - 1, [-1], (-1,))


def _before(operation, tensor):
    if isinstance(operation, _ACTIVATED):
        return shared_copy(operation, activation="linear")(tensor)
    return tensor


def _carried(tensor, sources):
    """Return the ending of a tensor that only moves, or joins, the values of others."""
    forms = {_trace(source).form for source in sources}
    form = forms.pop() if len(forms) == 1 else None
    if form == "softmax" and any(source.shape[-1] != tensor.shape[-1] for source in sources):
        # Classes were cut off or put side by side: what is left need not sum to 1.
        form = None
    # The logits themselves were moved by a layer that works on probabilities.
    return _Ending(form, ProbabilityLogits(form)(tensor) if form in _PROBABILITIES else tensor)


def _trace_nested(tensor, model, arguments, index):
    if not is_functional(model):
        return _Ending(None, tensor)
    ending = _trace(model.outputs[index])
    if ending.form not in _PROBABILITIES:
        return _Ending(ending.form, tensor)
    inner = keras.Model(inputs_of(model), ending.logits, name=model.name)
    return _Ending(ending.form, inner(*arguments.args, **arguments.kwargs))


@keras.saving.register_keras_serializable(package="tfapp")
class ProbabilityLogits(CheckedOptions, keras.layers.Layer):
    """Turn probabilities back into logits whose softmax, or sigmoid, they are.

    Probabilities below Keras's epsilon, 1e-7, count as that much: Keras's own cross-entropies clip them there.

    Args:
        link: `"softmax"` for log p, `"sigmoid"` for log(p / (1 - p)).

    Input shape:
        `(batch, *spatial, classes)`, values in [0, 1].

    Output shape:
        The same, float32, or float64 for a float64 input.
    """

    OPTIONS = BUILT_IN = ("link",)

    def __init__(self, link="softmax", **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.link = link

    def checked(self, name, value):
        check_choice(name, value, ("softmax", "sigmoid"))
        return value

    def call(self, probabilities):
        probabilities = at_least_float32(probabilities)
        least = keras.config.epsilon()
        if self.link == "softmax":
            return tf.math.log(tf.maximum(probabilities, least))
        probabilities = tf.clip_by_value(probabilities, least, 1.0 - least)
        return tf.math.log(probabilities) - tf.math.log1p(-probabilities)

    def compute_output_spec(self, probabilities):
        dtype = "float64" if probabilities.dtype == "float64" else "float32"
        return keras.KerasTensor(probabilities.shape, dtype)

    def get_config(self):
        return {**super().get_config(), "link": self.link}


def shared_copy(layer, **changes):
    """Return a layer with some options changed that shares the variables of a built layer.

    Training one trains the other, and the copy is saved as the plain layer that it is.

    Args:
        layer: Built Keras layer that makes its own variables, such as a convolution.
        changes: Entries of its `get_config()` to replace.

    Raises:
        ValueError: If the changed layer needs other variables.
    """
    shared = {variable.name: variable for variable in layer.weights}
    copy = type(layer).from_config({**layer.get_config(), **changes})
    copy.add_weight = lambda *_, name=None, **__: shared[name]
    try:
        copy.build_from_config(layer.get_build_config())
    except KeyError as name:
        raise ValueError(
            f"`changes` must leave the variables as they are. Received: changes={changes} for {layer!r}, "
            f"which has no variable {name}"
        ) from None
    del copy.add_weight
    return copy
