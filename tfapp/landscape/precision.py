"""Layers that compute in bfloat16 for a while, in a model that stays as it is.

A bfloat16 has the range of a float32 and 8 bits of mantissa, and some processors multiply such numbers twice as
fast. Weights stay float32; every layer casts them and what comes in. Layers keep their float32 if 8 bits would
spoil what the loss reads: the last ones with weights and what follows them, softmax and sigmoid (Keras computes
a cross-entropy from the logits that such a layer leaves behind), and layers without autocasting, such as the
total-variation heads.

References:
    D. Kalamkar et al., "A Study of BFLOAT16 for Deep Learning Training", 2019, arXiv:1905.12322.
"""

from contextlib import contextmanager

import keras
import tensorflow as tf

from tfapp.errors import InputError
from tfapp.landscape.attached import with_attached
from tfapp.landscape.one_line import one_line
from tfapp.landscape.samples import Batches

FLOAT32, BFLOAT16 = COMPUTE_DTYPES = ("float32", "bfloat16")
_TO_PROBABILITIES = (keras.activations.softmax, keras.activations.sigmoid)


def check_compute_dtype(compute_dtype: str) -> None:
    """Refuse another name than "float32" and "bfloat16"."""
    if compute_dtype not in COMPUTE_DTYPES:
        raise InputError(
            f"`compute_dtype` must be one of {', '.join(COMPUTE_DTYPES)}. Received: compute_dtype={compute_dtype!r}."
        )


def check_forward(model: keras.Model, batches: Batches, compute_dtype: str) -> None:
    """Refuse a model that cannot compute in this precision, by trying it on one sample.

    Raises:
        InputError: no layer of it can change from float32 to bfloat16, or one mixes the two in an operation.
    """
    if compute_dtype == FLOAT32:
        return
    if not _layers_to_change(model):
        raise InputError(
            f"Expected a model with hidden layers that compute in float32, to compute them in bfloat16. Received: "
            f"{model.name!r}, which has none; measure it in its own precision."
        )
    try:
        with computing_in(model, compute_dtype), keras.StatelessScope():
            model(batches.slice(0, 1)[0])
    except (TypeError, ValueError, tf.errors.OpError) as error:
        raise InputError(
            f"Model {model.name!r} cannot compute in bfloat16; measure it in float32 ({one_line(error)})."
        ) from error


@contextmanager
def computing_in(model: keras.Model, compute_dtype: str):
    """Let the layers of a model compute in this precision within the block; "float32" leaves each its own."""
    layers = _layers_to_change(model) if compute_dtype == BFLOAT16 else []
    policies = [layer.dtype_policy for layer in layers]
    try:
        for layer in layers:
            layer.dtype_policy = "mixed_bfloat16"
        yield
    finally:
        for layer, policy in zip(layers, policies, strict=True):
            layer.dtype_policy = policy


def in_float32(prediction):
    """Cast the bfloat16 leaves of a nest, with what Keras left on them; the others are the same objects."""

    def cast(tensor):
        return tf.cast(tensor, tf.float32) if tensor.dtype == tf.bfloat16 else tensor

    return keras.tree.map_structure(
        lambda leaf: with_attached(cast, leaf) if leaf.dtype == tf.bfloat16 else leaf, prediction
    )


def _layers_to_change(model):
    last = _last_layers(_outputs(model))
    return [
        layer
        # Keras has no public walk through layers nested in models, wrappers and composite layers.
        for layer in model._flatten_layers()
        if _computes_in_float32(layer)
        and layer.autocast
        and not _gives_probabilities(layer)
        and layer not in last
    ]


def _computes_in_float32(layer):
    if isinstance(layer, keras.layers.InputLayer) or _outputs(layer):
        return False  # a graph of layers computes nothing by itself
    policy = layer.dtype_policy
    # Not a policy of quantized layers, nor a map of policies.
    plain = type(policy) is keras.dtype_policies.DTypePolicy
    return plain and policy.compute_dtype == policy.variable_dtype == FLOAT32


def _gives_probabilities(layer):
    return isinstance(layer, keras.layers.Softmax) or getattr(layer, "activation", None) in _TO_PROBABILITIES


def _outputs(layer):
    """Return the symbolic outputs of a graph of layers; a subclassed model does not tell its own."""
    return keras.tree.flatten(layer.outputs) if hasattr(layer, "outputs") else []


def _last_layers(outputs):
    """Return the operations that end in symbolic tensors, back to the last ones with weights to cast."""
    found = []
    for output in outputs:
        # Keras has no public walk through a graph either.
        operation, index, _ = output._keras_history
        found.append(operation)
        if _outputs(operation):
            found += _last_layers(_outputs(operation))
        elif not (getattr(operation, "weights", None) and operation.autocast):
            found += _last_layers(operation._inbound_nodes[index].input_tensors)
    return found
