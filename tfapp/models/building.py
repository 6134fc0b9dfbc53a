"""Builder of segmenters: from a model name and a head name to a Keras model, and what a built one has."""

import keras
import tensorflow as tf

from tfapp.errors import InputError
from tfapp.layers import PadToStride, TVSoftmax
from tfapp.models.fcn import fcn_32s
from tfapp.models.segnet import segnet
from tfapp.models.unet import fcn_4s, fcn_8s, fcn_16s, res_unet, unet

# Names of the segmenters that `build` takes, and the functions that make them.
MODELS = {
    "unet": unet,
    "res-unet": res_unet,
    "fcn-4s": fcn_4s,
    "fcn-8s": fcn_8s,
    "fcn-16s": fcn_16s,
    "fcn-32s": fcn_32s,
    "segnet": segnet,
}
# Names of `MODELS` as the papers write them.
TITLES = {
    "unet": "Unet",
    "res-unet": "ResUnet",
    "fcn-4s": "FCN-4s",
    "fcn-8s": "FCN-8s",
    "fcn-16s": "FCN-16s",
    "fcn-32s": "FCN-32s",
    "segnet": "Segnet",
}
# Heads whose output is an image.
REGRESSION_HEADS = ("sigmoid", "identity")
# Names of all heads that `build` takes.
HEADS = ("softmax", "tv-softmax", *REGRESSION_HEADS)


def build(name, num_classes, channels=3, *, head=None, head_options=None, guided=False, **options):
    """Build a segmenter by name.

    Args:
        name: One of `MODELS`.
        num_classes: Number of classes, at least 2, or of channels of the images that a regression gives.
        channels: Image channels.
        head: `None` for a model that emits logits, `softmax` or `tv-softmax` for one that emits probabilities, or
            one of `REGRESSION_HEADS` for one that emits independent numbers: those of `sigmoid` lie in (0, 1),
            those of `identity` anywhere.
        head_options: Keyword arguments of `TVSoftmax` for the head `tv-softmax`.
        guided: Whether the image, as it enters the network, is the guide of the head `tv-softmax`: borders of classes
            that follow its edges are cheaper.
        options: Keyword arguments of the model, such as `base_width`, `depth` and `relu`.

    Returns:
        `keras.Model` from `(batch, height, width, channels)` to `(batch, height, width, num_classes)`.

    Raises:
        InputError: For an unknown model or head.
    """
    if name not in MODELS:
        raise InputError(f"Unknown model {name!r}; choose one of: {', '.join(MODELS)}.")
    model = MODELS[name](num_classes, channels, **options)
    return model if head is None else attach_head(model, head, head_options, guided)


def attach_head(logits_model, head, head_options=None, guided=False):
    """Return the model that turns the logits of `logits_model` into what `head` gives; see `build`."""
    if head not in HEADS:
        raise InputError(f"Unknown head {head!r}; choose one of: {', '.join(HEADS)}.")
    if head == "softmax":
        layer = keras.layers.Softmax(name="softmax", dtype="float32")
    elif head == "tv-softmax":
        layer = TVSoftmax(name="tv_softmax", **(head_options or {}))
    else:
        activation = {"sigmoid": "sigmoid", "identity": "linear"}[head]
        layer = keras.layers.Activation(activation, name=head, dtype="float32")
    # The logits are cut to the image, whose frame is that of the guide.
    guide = {"guide": logits_model.input} if guided and head == "tv-softmax" else {}
    return keras.Model(logits_model.input, layer(logits_model.output, **guide), name=logits_model.name)


def logits_of(model):
    """Return the part of a built segmenter that ends in its logits, sharing its weights."""
    return keras.Model(model.input, model.get_layer("logits").output, name=model.name)


def tv_head(model):
    """Return the model's `TVSoftmax` layer, or None."""
    return next((layer for layer in model.layers if isinstance(layer, TVSoftmax)), None)


def current_tv_weights(head):
    """Return lambda of a TV head as a list of floats: one number, or one for each class."""
    return [float(weight) for weight in tf.reshape(head.current_tv_weight(), [-1])]


def stride_of(model):
    """Return the stride of a built segmenter: the multiple that it pads images to."""
    return next((layer.stride for layer in model.layers if isinstance(layer, PadToStride)), 1)


def add_weight_decay(model, weight_decay, kernels_only=False, l1_penalty=0.0):
    """Add `weight_decay / 2 * ||w||^2 + l1_penalty * |w|_1` to the losses of a model.

    Args:
        model: Built Keras model, with models within it; each layer names a variable `x` and its regulariser
            `x_regularizer`, as Keras's own do, so that a saved model keeps the term.
        weight_decay, l1_penalty: Coefficients, at least 0, of half the sum of squares and of the sum of absolute
            values.
        kernels_only: Whether w is the kernels alone. Otherwise it is all that is trained: kernels, biases, and the
            scales and shifts of batch normalisation.
    """
    for layer in _layers_within(model):
        for variable in layer.trainable_variables:
            if (weight_decay or l1_penalty) and (variable.name == "kernel" or not kernels_only):
                # Keras's L2 is its coefficient times the sum of squares, without the half.
                variable.regularizer = (
                    keras.regularizers.L1L2(l1_penalty, weight_decay / 2)
                    if l1_penalty
                    else keras.regularizers.L2(weight_decay / 2)
                )
                is_depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
                setattr(
                    layer,
                    f"{'depthwise' if is_depthwise else variable.name}_regularizer",
                    variable.regularizer,
                )


def _layers_within(model):
    """Yield the layers of a model, and those of models within it in place of these."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers_within(layer)
        else:
            yield layer
