"""Segmentation networks: `build(name, num_classes, ...)` and what the application asks of them."""

from tfapp.models.building import (
    HEADS,
    MODELS,
    REGRESSION_HEADS,
    TITLES,
    attach_head,
    build,
    current_tv_weights,
    logits_of,
    stride_of,
    tv_head,
)
from tfapp.models.fitting import find_stride, fitted
from tfapp.models.own_size import at_own_size, resize_images, resize_probabilities
from tfapp.models.probabilities import with_probabilities
from tfapp.models.regression import OneHotMeanSquaredError, before_projection, on_simplex

__all__ = [
    "HEADS",
    "MODELS",
    "OneHotMeanSquaredError",
    "REGRESSION_HEADS",
    "TITLES",
    "at_own_size",
    "attach_head",
    "before_projection",
    "build",
    "current_tv_weights",
    "find_stride",
    "fitted",
    "logits_of",
    "on_simplex",
    "resize_images",
    "resize_probabilities",
    "stride_of",
    "tv_head",
    "with_probabilities",
]
