"""Keras layers of tfapp; they need TensorFlow, Keras and SciPy only, nothing else of the package."""

from tfapp.layers.chamfer import chamfer_distance, nearest_distances
from tfapp.layers.feature_transfer import FeatureTransfer
from tfapp.layers.padding import CropLike, PadToStride
from tfapp.layers.pooling import MaxPoolWithIndices, MaxUnpooling2D
from tfapp.layers.roi import RoIAlign, RoIPool, roi_align, roi_pool
from tfapp.layers.soft_threshold_dynamics import SoftThresholdDynamics
from tfapp.layers.transforms import (
    RigidTransform,
    Rotation,
    axis_angle_from_rotation,
    ortho6d_from_rotation,
    quaternion_from_rotation,
    rigid_transform,
    rotation_from_axis_angle,
    rotation_from_ortho6d,
    rotation_from_quaternion,
)
from tfapp.layers.tv.activations import TVActivation, TVReLU, TVSigmoid, TVSoftmax
from tfapp.layers.tv.attach import regularise, with_gap
from tfapp.layers.tv.class_distances import ClassDistances
from tfapp.layers.tv.gradients import Regularised, regularise_logits
from tfapp.layers.tv.layer import TVLayer
from tfapp.layers.tv.linear_operator import LinearOperator
from tfapp.layers.tv.non_local_differences import NonLocalDifferences
from tfapp.layers.tv.operators import edge_weights, total_variation
from tfapp.layers.tv.potentials import Potential, register_potential
from tfapp.layers.tv.second_differences import SecondDifferences
from tfapp.layers.tv.solver import TVProblem
from tfapp.layers.visibility import HiddenPointRemoval, hidden_point_mask

__all__ = [
    "ClassDistances",
    "CropLike",
    "FeatureTransfer",
    "HiddenPointRemoval",
    "LinearOperator",
    "MaxPoolWithIndices",
    "MaxUnpooling2D",
    "NonLocalDifferences",
    "PadToStride",
    "Potential",
    "Regularised",
    "RigidTransform",
    "RoIAlign",
    "RoIPool",
    "Rotation",
    "SecondDifferences",
    "SoftThresholdDynamics",
    "TVActivation",
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
    "register_potential",
    "regularise",
    "regularise_logits",
    "rigid_transform",
    "roi_align",
    "roi_pool",
    "rotation_from_axis_angle",
    "rotation_from_ortho6d",
    "rotation_from_quaternion",
    "total_variation",
    "with_gap",
]
