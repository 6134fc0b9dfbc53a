"""A Keras model that takes images, whatever it says of them: what it is fed, checked first."""

from dataclasses import dataclass

import keras
import numpy as np

from tfapp.export.errors import ExportError
from tfapp.export.keras_model import check_keras_model

ANY_SIZE = (None, None)


@dataclass(frozen=True, kw_only=True)
class ImageModel:
    """What the endpoints and the check need to know of every model of images.

    Attributes:
        model: Keras model of float32 images `(batch, height, width, channels)`.
        num_channels: Channels of an image, 1 or 3.
        num_classes: Classes of the output.
        value_range: Lowest and highest value of an image as the model takes it.
        size: Height and width of every image in pixels, or `ANY_SIZE`.
        tolerance: Largest accepted difference of two outputs computed by two runtimes.
    """

    model: keras.Model
    num_channels: int
    num_classes: int
    value_range: tuple[float, float]
    size: tuple[int | None, int | None] = ANY_SIZE
    tolerance: float

    @property
    def channel_order(self):
        return "RGB" if self.num_channels == 3 else "grey"


def image_input(model, value_range):
    """Return what `model` is fed: dict of `num_channels`, `value_range` and `size`, of which one side may be None.

    Raises:
        ExportError: not a Keras model on the TensorFlow backend; an input that is not one batch of images of 1 or
            3 channels; `value_range` unusable.
    """
    check_keras_model(model)
    low, high = (float(bound) for bound in value_range)
    if not (np.isfinite([low, high]).all() and low < high):
        raise ExportError(f"`value_range` must be two finite rising numbers. Received: {value_range!r}.")
    declared = getattr(model, "input_shape", None)
    shape = declared or model.get_build_config()
    if isinstance(shape, dict):
        shape = shape.get("input_shape")
    if not isinstance(shape, (tuple, list)) or len(shape) != 4 or not isinstance(shape[-1], int):
        raise ExportError(
            "`model` must take one image batch (batch, height, width, channels) with known channels. "
            f"Received: input shape {shape}."
        )
    if shape[-1] not in (1, 3):
        raise ExportError(
            "`model` must take images of 1 or 3 channels, as encoded images have. "
            f"Received: input shape {tuple(shape)}."
        )
    # What a subclassed model was built with is one size that it has seen, not the only one.
    size = tuple(shape[1:3]) if declared else ANY_SIZE
    return {"num_channels": shape[-1], "value_range": (low, high), "size": size}
