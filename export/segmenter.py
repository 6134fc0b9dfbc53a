"""A Keras model seen as a segmenter: images in, class probabilities out, its limits checked first."""

from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from tfapp.export.errors import ExportError, reason_of
from tfapp.export.image_model import ANY_SIZE, ImageModel, image_input
from tfapp.export.keras_model import outputs_of, tolerance_of
from tfapp.layers import CropLike, PadToStride

# The size at which a model is tried: odd, so that a stride that is not handled shows.
_TRIAL_SIZE = (33, 47)


@dataclass(frozen=True, kw_only=True)
class Segmenter(ImageModel):
    """A Keras model from images of any size to class probabilities `(batch, height, width, classes)`, or to these
    and a gap `(batch,)`.

    Attributes, besides those of every `ImageModel`:
        stride: Height and width are padded to multiples of it; 1 leaves images alone.
        has_gap: Whether the model gives the duality gap of a TV head.
    """

    stride: int
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


def inspect_model(model, stride=1, value_range=(0.0, 1.0)):
    """Try `model` on one image and return it as a `Segmenter`.

    Raises:
        ExportError: not a Keras model on the TensorFlow backend; `stride` or `value_range` unusable;
            fixed image size; output that is not one probability per class and pixel.
    """
    given = image_input(model, value_range)
    if isinstance(stride, bool) or not isinstance(stride, int) or stride < 1:
        raise ExportError(f"`stride` must be a positive integer. Received: stride={stride!r}.")
    if given["size"] != ANY_SIZE:
        raise ExportError(
            f"`model` must take images of any height and width. Received: input shape {model.input_shape}; "
            "build it with keras.Input((None, None, channels))."
        )
    trial = Segmenter(model=model, **given, num_classes=0, stride=stride, tolerance=tolerance_of(model))
    num_classes, num_outputs = _try(trial)
    return replace(trial, num_classes=num_classes, has_gap=num_outputs == 2)


def _try(segmenter):
    low, high = segmenter.value_range
    values = np.random.default_rng(0).uniform(low, high, (1, *_TRIAL_SIZE, segmenter.num_channels))
    try:
        with tf.device("cpu:0"):
            outputs, *others = segmenter.answer(values.astype(np.float32))
            outputs = outputs.numpy()
    except Exception as error:
        size = "x".join(map(str, _TRIAL_SIZE))
        raise ExportError(
            f"`model` failed on a {size} image with stride={segmenter.stride} ({reason_of(error)}); "
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
