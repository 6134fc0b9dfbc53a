"""Segmentation networks: `build(name, num_classes, ...)` and what the application asks of them."""

from tfapp.models.building import (
    HEADS,
    MODELS,
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

__all__ = [
    "HEADS",
    "MODELS",
    "at_own_size",
    "attach_head",
    "build",
    "current_tv_weights",
    "find_stride",
    "fitted",
    "logits_of",
    "resize_images",
    "resize_probabilities",
    "stride_of",
    "tv_head",
    "with_probabilities",
]
