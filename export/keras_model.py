"""What every Keras model that is exported must be, what it gives, and how near two runtimes compute it."""

import keras

from tfapp.export.errors import ExportError


def check_keras_model(model):
    """Raise ExportError for what is no Keras model on the TensorFlow backend."""
    if not isinstance(model, keras.Model):
        raise ExportError(f"`model` must be a Keras model. Received: {type(model).__name__}.")
    if keras.backend.backend() != "tensorflow":
        raise ExportError(f"Export needs Keras on TensorFlow, it runs on {keras.backend.backend()}.")


def outputs_of(model, inputs):
    """Return the outputs of a Keras model as a list."""
    return keras.tree.flatten(model(inputs, training=False))


def tolerance_of(model):
    """Largest accepted difference of two outputs of about 1, computed by two runtimes."""
    # 1e-5 covers other instruction sets in float32; half precision rounds each layer to its own epsilon.
    epsilons = {"float16": 2.0**-10, "bfloat16": 2.0**-7}
    return max([1e-5, *(4 * epsilons[name] for name in _compute_dtypes(model) if name in epsilons)])


def _compute_dtypes(layer):
    inner = getattr(layer, "layers", [])
    return {layer.compute_dtype}.union(*(_compute_dtypes(child) for child in inner))
