"""Keras layers of tfapp; they need TensorFlow and Keras only, nothing else of the package."""

from tfapp.layers.stride_padding import CropLike, PadToStride
from tfapp.layers.tv_softmax import TVSoftmax

__all__ = ["CropLike", "PadToStride", "TVSoftmax"]
