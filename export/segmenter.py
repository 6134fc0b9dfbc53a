"""A Keras model seen as a segmenter: images in, class probabilities out, its limits checked first."""

from dataclasses import dataclass, replace

import keras
import numpy as np
import tensorflow as tf

from tfapp.export.errors import ExportError
from tfapp.export.keras_model import check_keras_model, tolerance_of
from tfapp.layers import CropLike, PadToStride

# The size at which a model is tried: odd, so that a stride that is not handled shows.
_TRIAL_SIZE = (33, 47)


@dataclass(frozen=True)
class Segmenter:
    """What the endpoints and the check need to know of a model.

    Attributes:
        model: Keras model, `(batch, height, width, channels)` to `(batch, height, width, classes)`, or to
            that and a gap `(batch,)`.
        num_channels: Channels of an image.
        num_classes: Classes of the output.
        stride: Height and width are padded to multiples of it; 1 leaves images alone.
        value_range: Lowest and highest value of an image as the model takes it.
        tolerance: Largest accepted difference of two probabilities computed by two runtimes.
        has_gap: Whether the model gives the duality gap of a TV head.
    """

    model: keras.Model
    num_channels: int
    num_classes: int
    stride: int
    value_range: tuple[float, float]
    tolerance: float
    has_gap: bool = False

    def answer(self, images):
        """Return what the model says of float32 `images`, each float32.

        Returns:
            List of class probabilities `(batch, height, width, classes)` and, where the model gives it, the
            duality gap per pixel `(batch,)`.
        """
        padded = images if self.stride == 1 else PadToStride(self.stride)(images)
        probabilities, *gap = outputs_of(self.model, padded)
        if self.stride != 1:
            probabilities = CropLike()([probabilities, images])
        return [tf.cast(output, tf.float32) for output in (probabilities, *gap)]


def outputs_of(model, images):
    """Return the outputs of a Keras model as a list."""
    return keras.tree.flatten(model(images, training=False))


def inspect_model(model, stride=1, value_range=(0.0, 1.0)):
    """Try `model` on one image and return it as a `Segmenter`.

    Raises:
        ExportError: not a Keras model on the TensorFlow backend; `stride` or `value_range` unusable;
            fixed image size; output that is not one probability per class and pixel.
    """
    check_keras_model(model)
    if isinstance(stride, bool) or not isinstance(stride, int) or stride < 1:
        raise ExportError(f"`stride` must be a positive integer. Received: stride={stride!r}.")
    low, high = (float(bound) for bound in value_range)
    if not (np.isfinite([low, high]).all() and low < high):
        raise ExportError(f"`value_range` must be two finite rising numbers. Received: {value_range!r}.")
    channels = _num_channels(model)
    trial = Segmenter(model, channels, 0, stride, (low, high), tolerance_of(model))
    num_classes, num_outputs = _try(trial)
    return replace(trial, num_classes=num_classes, has_gap=num_outputs == 2)


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


def _try(segmenter):
    low, high = segmenter.value_range
    values = np.random.default_rng(0).uniform(low, high, (1, *_TRIAL_SIZE, segmenter.num_channels))
    try:
        with tf.device("cpu:0"):
            outputs, *others = segmenter.answer(values.astype(np.float32))
            outputs = outputs.numpy()
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
    if len(others) > 1 or any(other.shape != (1,) for other in others):
        raise ExportError(
            "`model` must give probabilities, or these and one gap (batch,). "
            f"Received: further outputs of shapes {[tuple(other.shape) for other in others]} for one image."
        )
    # 1e-2 leaves room for float16 and bfloat16 soft-max.
    if not np.allclose(outputs.sum(-1), 1.0, atol=1e-2) or outputs.min() < -1e-2:
        raise ExportError(
            "`model` must give probabilities, that add up to 1 at every pixel. "
            f"Received: sums from {outputs.sum(-1).min():.3g} to {outputs.sum(-1).max():.3g}; "
            "end it in a soft-max."
        )
    return outputs.shape[3], 1 + len(others)
