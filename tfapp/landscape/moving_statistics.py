"""Moving statistics of batch normalisation, estimated anew at displaced weights.

The stored statistics belong to the solution: far from it activations are off their scale and the loss explodes,
which says more of the statistics than of the weights. One more pass over the data finds those of the point.
"""

from contextlib import contextmanager

import keras
import tensorflow as tf

from tfapp.errors import InputError

# What layers draw at random in training, by the attribute that says how much.
_NOISE = ("rate", "stddev")


def normalisations(model: keras.Model) -> list:
    """Return the batch normalisations of a model that keep moving statistics.

    Raises:
        InputError: there is none, or one never moves its statistics (a momentum of 1).
    """
    # Keras has no public walk through layers nested in models and wrappers.
    layers = [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
    ]
    if not layers:
        raise InputError(
            f"Expected a model with trainable batch normalisation to estimate its moving statistics anew. "
            f"Received: {model.name!r}, which has none."
        )
    still = next((layer.name for layer in layers if layer.momentum == 1), None)
    if still is not None:
        raise InputError(f"Layer {still!r} has a momentum of 1: its moving statistics cannot be estimated.")
    return layers


def batch_statistics(model: keras.Model, layers, state, x):
    """Return the means and variances of one batch in every batch normalisation, as a list of tensors.

    Dropout and noise layers are off; whatever else distinguishes training from inference is on.

    Args:
        model: Keras model.
        layers: its batch normalisations, from `normalisations`.
        state: (variable, value) pairs, the displaced weights.
        x: inputs of the batch.
    """
    variables = moving_variables(layers)
    momenta = [layer.momentum for layer in layers for _ in range(2)]
    zeros = [tf.zeros_like(variable) for variable in variables]
    scope = keras.StatelessScope(
        state_mapping=[*state, *zip(variables, zeros, strict=True)], initialize_variables=False
    )
    with scope, _without_noise(model):
        model(x, training=True)
        # From 0, one update leaves (1 - momentum) times the statistics of the batch.
        return [
            scope.get_current_value(variable) / (1.0 - momentum)
            for variable, momentum in zip(variables, momenta, strict=True)
        ]


def moving_variables(layers) -> list:
    """Return the moving mean and variance of every layer, in the order of `batch_statistics`."""
    return [variable for layer in layers for variable in (layer.moving_mean, layer.moving_variance)]


@contextmanager
def _without_noise(model):
    noisy = [
        (layer, name, getattr(layer, name))
        for layer in model._flatten_layers()
        for name in _NOISE
        if isinstance(getattr(layer, name, None), float)
    ]
    try:
        for layer, name, _ in noisy:
            setattr(layer, name, 0.0)
        yield
    finally:
        for layer, name, value in noisy:
            setattr(layer, name, value)
