"""Moving statistics of batch normalisation, estimated anew at displaced weights.

The stored statistics belong to the solution: far from it activations are off their scale and the loss explodes, which
says more of the statistics than of the weights. One more pass over the data finds those of the point.
"""

import inspect
from contextlib import contextmanager

import keras
import tensorflow as tf

from tfapp.errors import InputError
from tfapp.optimizers.stateless_loss import training_argument


def has_moving_statistics(model: keras.Model) -> bool:
    """Return whether a model has batch normalisation whose moving statistics belong to its weights."""
    return bool(_trainable_normalisations(model))


def normalisations(model: keras.Model) -> list:
    """Return the batch normalisations of a model that keep moving statistics.

    Raises:
        InputError: there is none, or one never moves its statistics (a momentum of 1).
    """
    layers = _trainable_normalisations(model)
    if not layers:
        raise InputError(
            f"Expected a model with trainable batch normalisation to estimate its moving statistics anew. "
            f"Received: {model.name!r}, which has none."
        )
    still = next((layer.name for layer in layers if layer.momentum == 1), None)
    if still is not None:
        raise InputError(f"Layer {still!r} has a momentum of 1: its moving statistics cannot be estimated.")
    return layers


def _trainable_normalisations(model):
    # Keras has no public walk through layers nested in models and wrappers.
    return [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
    ]


def batch_statistics(model: keras.Model, layers, state, x):
    """Return the means and variances of one batch in every batch normalisation, as a list of tensors.

    Batch normalisation alone is in training mode, where it would be in a step of `fit()`. All other layers are in
    inference mode, so that nothing is drawn at random and the statistics are those of the activations that inference
    meets. Of a layer that is called several times in a pass, they are the mean over its calls; of one whose statistics
    a step would not move, such as one that is called with `training=False`, the stored ones.

    Args:
        model: Keras model.
        layers: its batch normalisations, from `normalisations`.
        state: (variable, value) pairs, the displaced weights.
        x: inputs of the batch.
    """
    variables = moving_variables(layers)
    mapping = [*state, *((variable, variable.value) for variable in variables)]
    modes, found = [[] for _ in layers], [[] for _ in variables]

    def scope():
        return keras.StatelessScope(state_mapping=mapping, initialize_variables=False)

    watchers = [_watching(layer.call, own) for layer, own in zip(layers, modes, strict=True)]
    with scope(), _calling(layers, watchers):
        model(x, **training_argument(model.call, True))
    with scope() as current:
        recorders = [
            _recording(layer, iter(own), current, records)
            for layer, own, *records in zip(layers, modes, found[::2], found[1::2], strict=True)
        ]
        with _calling(layers, recorders):
            model(x, **training_argument(model.call, False))
    return [
        tf.add_n(calls) / len(calls) if calls else variable.value
        for calls, variable in zip(found, variables, strict=True)
    ]


def moving_variables(layers) -> list:
    """Return the moving mean and variance of every layer, in the order of `batch_statistics`."""
    return [variable for layer in layers for variable in (layer.moving_mean, layer.moving_variance)]


@contextmanager
def _calling(layers, functions):
    """Let layers call other functions than their own `call`."""
    for layer, function in zip(layers, functions, strict=True):
        vars(layer)["call"] = function  # not through `__setattr__`, by which Keras tracks what a layer holds
    try:
        yield
    finally:
        for layer in layers:
            del vars(layer)["call"]


def _watching(call, modes):
    """Return a `call` that notes whether it is in training mode."""

    def watched(*args, **kwargs):
        bound = inspect.signature(call).bind(*args, **kwargs)
        modes.append(bool(bound.arguments.get("training", True)))
        return call(*args, **kwargs)

    return watched


def _recording(layer, modes, scope, records):
    """Return a `call` in the noted modes, which adds the mean and the variance of every batch to `records`."""
    call = layer.call

    def recorded(*args, **kwargs):
        if not next(modes, False):
            return call(*args, **kwargs)
        bound = inspect.signature(call).bind(*args, **kwargs)
        if "training" in inspect.signature(call).parameters:
            bound.arguments["training"] = True
        own = moving_variables([layer])
        stored = [scope.get_current_value(variable) for variable in own]
        for variable in own:
            variable.assign(tf.zeros_like(variable))
        zeros = [scope.get_current_value(variable) for variable in own]
        outputs = call(*bound.args, **bound.kwargs)
        for variable, before, zero, record in zip(own, stored, zeros, records, strict=True):
            after = scope.get_current_value(variable)
            if after is zero:  # a layer of a user's class that has other statistics
                variable.assign(before)
            else:
                # From 0, one update leaves (1 - momentum) times the statistics of the batch.
                record.append(after / (1.0 - layer.momentum))
        return outputs

    return recorded
