"""What makes another solution another function than the first at its trained weights: all that directions do not move.

The line from a solution to another ends at the other's loss only if the two share what is not trained: frozen layers,
statistics that a layer took from the data, the options of the layers. Moving statistics of batch normalisation are left
out here; they are those of the first solution, or estimated anew at every point.
"""

import keras
import numpy as np

from tfapp.landscape.configuration import config_or_none, renamed
from tfapp.landscape.point_loss import has_own_test_step
from tfapp.landscape.samples import packed
from tfapp.optimizers.stateless_loss import training_argument, with_regularised

# Options that say nothing of what a layer computes when it does not train, and the endings of such names.
_OF_TRAINING = {
    "name",
    "trainable",
    "seed",
    "rate",
    "dropout",
    "recurrent_dropout",
    "stddev",
    "momentum",
    "dtype",
}
_OF_TRAINING |= {
    "batch_shape",
    "batch_input_shape",
    "lora_alpha",
    "registered_name",
    "module",
    "build_config",
}
_ENDINGS = ("_initializer", "_regularizer", "_constraint")
_NOTHING_IN_INFERENCE = (
    keras.layers.InputLayer,
    keras.layers.Dropout,
    keras.layers.AlphaDropout,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.ActivityRegularization,
)


def untrained_weights(model: keras.Model) -> list:
    """Return the weights that directions leave alone, but for moving statistics and for whole numbers that count."""
    left_out = {id(variable) for variable in model.trainable_variables}
    # Keras has no public walk through layers nested in models and wrappers.
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
            left_out |= {id(layer.moving_mean), id(layer.moving_variance)}
    kept = [variable for variable in model.weights if id(variable) not in left_out]
    return [one for one in kept if len(one.shape) or "int" not in keras.backend.standardize_dtype(one.dtype)]


def other_weights(model: keras.Model, values: dict) -> tuple[str, ...]:
    """Return the paths of untrained weights in which another solution differs.

    Args:
        model: the first solution.
        values: arrays of the other solution, by the `id` of the model's own variables.
    """
    return tuple(
        variable.path
        for variable in untrained_weights(model)
        if not np.array_equal(values[id(variable)], variable.numpy())
    )


def other_options(model: keras.Model, other: keras.Model) -> str | None:
    """Return a layer of another model that has other options than that of the first, in words; None if all are alike.

    Names and what counts in training alone are not compared; neither are layers that do nothing in inference.
    """
    pairs = _working_layers(model), _working_layers(other)
    if [type(layer).__name__ for layer in pairs[0]] != [type(layer).__name__ for layer in pairs[1]]:
        return "which layers it has"
    for mine, theirs in zip(*pairs, strict=True):
        own, its = (_in_inference(renamed(config_or_none(layer))) for layer in (mine, theirs))
        if own != its:
            names = [name for name in own or () if own[name] != (its or {}).get(name)]
            return f"the options of layer {theirs.name!r}" + (f" ({', '.join(names)})" if names else "")
    return None


def used_in_inference(model: keras.Model, batch) -> set[str]:
    """Return the paths of the weights on which the loss of a batch depends.

    Args:
        model: compiled Keras model that was evaluated before, so that its metrics have their state.
        batch: `(x, y, sample_weight)`.
    """
    own_step = has_own_test_step(model)
    zeros = [(variable, variable.value) for variable in model.metrics_variables]
    scope = _Reading(
        state_mapping=with_regularised(model, zeros), collect_losses=True, initialize_variables=False
    )
    with scope:
        if own_step:
            model.test_step(packed(*batch))
        else:
            model(batch[0], **training_argument(model.call, False))
    # Layers that adapt to data make constants of their weights beforehand.
    adapted = [layer for layer in model._flatten_layers() if hasattr(layer, "finalize_state")]
    read = scope.read | {id(weight) for layer in adapted for weight in layer.weights}
    return {variable.path for variable in model.weights if id(variable) in read}


class _Reading(keras.StatelessScope):
    """A scope that notes which variables are read."""

    def __init__(self, **options):
        super().__init__(**options)
        self.read = set()

    def get_current_value(self, variable):
        self.read.add(id(variable))
        return super().get_current_value(variable)


def _working_layers(model):
    left_out = keras.Model, *_NOTHING_IN_INFERENCE  # a model is told by its layers
    return [layer for layer in model._flatten_layers() if not isinstance(layer, left_out)]


def _in_inference(config):
    if isinstance(config, dict):
        kept = {key: value for key, value in config.items() if key not in _OF_TRAINING}
        return {key: _in_inference(value) for key, value in kept.items() if not key.endswith(_ENDINGS)}
    if isinstance(config, list):
        return [_in_inference(part) for part in config]
    return config
