"""Requests with the answers that a Keras model gives to them, and their storage in one .npz file."""

from dataclasses import dataclass, field

import keras
import numpy as np

from tfapp.archives import open_arrays
from tfapp.export.errors import ExportError

DEFAULT, UINT8, BYTES = "serving_default", "serving_uint8", "serving_bytes"
# Of all arrays together; those of a large segmenter are some tens of megabytes.
MOST_BYTES = 2**30
# What is stored beside the expected outputs: where a last-bit difference cannot change what is chosen.
MASKS = ("decided", "decided_png_bytes")


@dataclass(frozen=True)
class Request:
    """One call of a signature.

    Attributes:
        signature: Name of the signature.
        inputs: Arrays by input alias; encoded files are an `S` array.
        expected: Arrays by output alias; empty where the right answer is not known. For label images
            `decided_png_bytes` goes with them: PNG masks, not 0 where the best class leads the second
            by more than twice the tolerance, so that a last-bit difference cannot change the label. For
            poses `decided` does, bool by scene, in the same sense of their alternatives, and for boxes, bool by
            image, in the same sense of what is suppressed.
    """

    signature: str
    inputs: dict[str, np.ndarray]
    expected: dict[str, np.ndarray] = field(default_factory=dict)


def decided(probabilities, tolerance):
    """Where the best class leads by more than twice `tolerance`: bool, `probabilities` without last axis.

    A single class leads always.
    """
    if probabilities.shape[-1] == 1:
        return np.ones(probabilities.shape[:-1], bool)
    second, best = np.moveaxis(np.partition(probabilities, -2, axis=-1)[..., -2:], -1, 0)
    return best - second > 2 * tolerance


def sample_image(size, num_channels, seed=0):
    """Smooth waves and noise, uint8 `(height, width, num_channels)`; the same for the same arguments."""
    height, width = size
    generator = np.random.default_rng([seed, height, width, num_channels])
    rows, columns = np.ogrid[:height, :width]
    periods = generator.uniform(6.0, 24.0, (2, num_channels))
    waves = np.sin(rows[..., None] / periods[0]) + np.cos(columns[..., None] / periods[1])
    noise = generator.normal(0.0, 12.0, waves.shape)
    return (127.5 + 55.0 * waves + noise).clip(0, 255).astype(np.uint8)


def save_requests(path, requests):
    """Write `requests` to `path` (.npz); order is kept, nothing is pickled."""
    arrays = {}
    for index, request in enumerate(requests):
        for kind, values in (("inputs", request.inputs), ("expected", request.expected)):
            for alias, value in values.items():
                arrays[f"{index}/{request.signature}/{kind}/{alias}"] = value
    with open(path, "wb") as file:
        np.savez_compressed(file, **arrays)


def load_requests(path):
    """Read what `save_requests` wrote, in order.

    Raises:
        One of `tfapp.archives.DAMAGED`: `path` is missing, damaged, or declares more than it holds.
    """
    found = {}
    with open_arrays(path, most=MOST_BYTES) as stored:
        for key in stored.files:
            index, signature, kind, alias = key.split("/")
            request = found.setdefault(int(index), Request(signature, {}))
            getattr(request, kind)[alias] = stored[key]
    return [found[index] for index in sorted(found)]


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
