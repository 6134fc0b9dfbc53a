"""Keras layers of tfapp; they need TensorFlow, Keras and SciPy only, nothing else of the package."""

from tfapp.layers.chamfer import chamfer_distance, nearest_distances
from tfapp.layers.edge_weights import edge_weights
from tfapp.layers.feature_transfer import FeatureTransfer
from tfapp.layers.hidden_points import HiddenPointRemoval
from tfapp.layers.max_pool_with_indices import MaxPoolWithIndices
from tfapp.layers.max_unpooling import MaxUnpooling2D
from tfapp.layers.regularise import regularise, with_gap
from tfapp.layers.rigid_transform import RigidTransform, rigid_transform
from tfapp.layers.rotation_layer import Rotation
from tfapp.layers.rotations import (
    axis_angle_from_rotation,
    ortho6d_from_rotation,
    quaternion_from_rotation,
    rotation_from_axis_angle,
    rotation_from_ortho6d,
    rotation_from_quaternion,
)
from tfapp.layers.spherical_flipping import hidden_point_mask
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
    "FeatureTransfer",
    "HiddenPointRemoval",
    "MaxPoolWithIndices",
    "MaxUnpooling2D",
    "PadToStride",
    "Regularised",
    "RigidTransform",
    "Rotation",
    "TVLayer",
    "TVProblem",
    "TVReLU",
    "TVSigmoid",
    "TVSoftmax",
    "axis_angle_from_rotation",
    "chamfer_distance",
    "edge_weights",
    "hidden_point_mask",
    "nearest_distances",
    "ortho6d_from_rotation",
    "quaternion_from_rotation",
    "regularise",
    "regularise_logits",
    "rigid_transform",
    "rotation_from_axis_angle",
    "rotation_from_ortho6d",
    "rotation_from_quaternion",
    "total_variation",
    "with_gap",
]
