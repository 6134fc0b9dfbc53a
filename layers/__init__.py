"""Keras layers of tfapp; they need TensorFlow and Keras only, nothing else of the package."""

from tfapp.layers.edge_weights import edge_weights
from tfapp.layers.max_pool_with_indices import MaxPoolWithIndices
from tfapp.layers.max_unpooling import MaxUnpooling2D
from tfapp.layers.regularise import regularise, with_gap
from tfapp.layers.stride_padding import CropLike, PadToStride
from tfapp.layers.total_variation import total_variation
from tfapp.layers.tv_layer import TVLayer
from tfapp.layers.tv_regularise import Regularised, regularise_logits
from tfapp.layers.tv_relu import TVReLU
from tfapp.layers.tv_sigmoid import TVSigmoid
from tfapp.layers.tv_softmax import TVSoftmax
from tfapp.layers.tv_solver import TVProblem

__all__ = [
    "CropLike",
    "MaxPoolWithIndices",
    "MaxUnpooling2D",
    "PadToStride",
    "Regularised",
    "TVLayer",
    "TVProblem",
    "TVReLU",
    "TVSigmoid",
    "TVSoftmax",
    "edge_weights",
    "regularise",
    "regularise_logits",
    "total_variation",
    "with_gap",
]
