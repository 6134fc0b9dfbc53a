"""Put the TV head onto any Keras segmenter, and let a TV head show its certificate."""

import keras

from tfapp.layers.model_logits import call_of, inputs_of, is_functional, model_logits
from tfapp.layers.tv_layer import TVLayer
from tfapp.layers.tv_sigmoid import TVSigmoid
from tfapp.layers.tv_softmax import TVSoftmax
from tfapp.layers.twin import twin

_HEADS = {"softmax": TVSoftmax, "sigmoid": TVSigmoid}


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
        ValueError: For a model with several outputs, another shape, a softmax over another axis, a TV head
            already, or a structure that does not tell.

    Example:
        >>> images = keras.Input((None, None, 3))
        >>> segmenter = keras.Model(images, keras.layers.Conv2D(4, 3, padding="same", activation="softmax")(images))
        >>> regularise(segmenter, tv_weight=2.0).output_shape
        (None, None, None, 4)
    """
    inputs, logits, link = model_logits(model, output)
    head = _HEADS[link](tv_weight, learn_tv_weight, **options)
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
        return list(twin(layer, return_gap=True)(*arguments.args, **arguments.kwargs))
    if not is_functional(layer):
        raise _no_tv_layer(model)
    inner = keras.Model(inputs_of(layer), _output_and_gap(model, layer.outputs[index]), name=layer.name)
    return inner(*arguments.args, **arguments.kwargs)


def _no_tv_layer(model):
    return ValueError(f"`model` must end in a TVSoftmax or TVSigmoid layer. Received: model={model.name!r}")
