"""A Keras model seen as a segmenter: images in, class probabilities out, its limits checked first."""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from tfapp.export.errors import ExportError
from tfapp.layers import CropLike, PadToStride

# The size at which a model is tried: odd, so that a stride that is not handled shows.
_TRIAL_SIZE = (33, 47)


@dataclass(frozen=True)
class Segmenter:
    """What the endpoints and the check need to know of a model.

    Attributes:
        model: Keras model, `(batch, height, width, channels)` to `(batch, height, width, classes)`.
        num_channels: Channels of an image.
        num_classes: Classes of the output.
        stride: Height and width are padded to multiples of it; 1 leaves images alone.
        value_range: Lowest and highest value of an image as the model takes it.
        tolerance: Largest accepted difference of two probabilities computed by two runtimes.
    """

    model: keras.Model
    num_channels: int
    num_classes: int
    stride: int
    value_range: tuple[float, float]
    tolerance: float

    def probabilities(self, images):
        """Class probabilities float32 `(batch, height, width, classes)` of float32 `images`."""
        if self.stride == 1:
            return tf.cast(self.model(images, training=False), tf.float32)
        outputs = self.model(PadToStride(self.stride)(images), training=False)
        return tf.cast(CropLike()([outputs, images]), tf.float32)


def inspect_model(model, stride=1, value_range=(0.0, 1.0)):
    """Try `model` on one image and return it as a `Segmenter`.

    Raises:
        ExportError: not a Keras model on the TensorFlow backend; `stride` or `value_range` unusable;
            fixed image size; output that is not one probability per class and pixel.
    """
    if not isinstance(model, keras.Model):
        raise ExportError(f"`model` must be a Keras model. Received: {type(model).__name__}.")
    if keras.backend.backend() != "tensorflow":
        raise ExportError(f"Export needs Keras on TensorFlow, it runs on {keras.backend.backend()}.")
    if isinstance(stride, bool) or not isinstance(stride, int) or stride < 1:
        raise ExportError(f"`stride` must be a positive integer. Received: stride={stride!r}.")
    low, high = (float(bound) for bound in value_range)
    if not (np.isfinite([low, high]).all() and low < high):
        raise ExportError(f"`value_range` must be two finite rising numbers. Received: {value_range!r}.")
    channels = _num_channels(model)
    trial = Segmenter(model, channels, 0, stride, (low, high), _tolerance(model))
    return Segmenter(model, channels, _num_classes(trial), stride, (low, high), trial.tolerance)


def _num_channels(model):
    shape = getattr(model, "input_shape", None) or model.get_build_config()
    if isinstance(shape, dict):
        shape = shape.get("input_shape")
    if not isinstance(shape, (tuple, list)) or len(shape) != 4 or not isinstance(shape[-1], int):
        raise ExportError(
            "`model` must take one image batch (batch, height, width, channels) with known channels. "
            f"Received: input shape {shape}."
        )
    if any(size is not None for size in shape[1:3]) and getattr(model, "input_shape", None):
        raise ExportError(
            f"`model` must take images of any height and width. Received: input shape {tuple(shape)}; "
            "build it with keras.Input((None, None, channels))."
        )
    if shape[-1] not in (1, 3):
        raise ExportError(
            "`model` must take images of 1 or 3 channels, as encoded images have. "
            f"Received: input shape {tuple(shape)}."
        )
    return shape[-1]


def _num_classes(segmenter):
    low, high = segmenter.value_range
    values = np.random.default_rng(0).uniform(low, high, (1, *_TRIAL_SIZE, segmenter.num_channels))
    try:
        with tf.device("cpu:0"):
            outputs = segmenter.probabilities(values.astype(np.float32)).numpy()
    except Exception as error:
        size = "x".join(map(str, _TRIAL_SIZE))
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise ExportError(
            f"`model` failed on a {size} image with stride={segmenter.stride} ({reason}); "
            "if it needs a multiple of some size, give that as `stride`."
        ) from error
    if outputs.ndim != 4 or outputs.shape[:3] != (1, *_TRIAL_SIZE) or outputs.shape[3] < 2:
        raise ExportError(
            "`model` must give (batch, height, width, classes) at the size of its input with two classes "
            f"or more. Received: {outputs.shape} for an input of {values.shape}."
        )
    # 1e-2 leaves room for float16 and bfloat16 soft-max.
    if not np.allclose(outputs.sum(-1), 1.0, atol=1e-2) or outputs.min() < -1e-2:
        raise ExportError(
            "`model` must give probabilities, that add up to 1 at every pixel. "
            f"Received: sums from {outputs.sum(-1).min():.3g} to {outputs.sum(-1).max():.3g}; "
            "end it in a soft-max."
        )
    return outputs.shape[3]


def _tolerance(model):
    # 1e-5 covers other instruction sets in float32; half precision rounds each layer to its own epsilon.
    epsilons = {"float16": 2.0**-10, "bfloat16": 2.0**-7}
    return max([1e-5, *(4 * epsilons[name] for name in _compute_dtypes(model) if name in epsilons)])


def _compute_dtypes(layer):
    inner = getattr(layer, "layers", [])
    return {layer.compute_dtype}.union(*(_compute_dtypes(child) for child in inner))
