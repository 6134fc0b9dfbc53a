"""Classifiers of images: `build_classifier(name, num_classes, input_shape, ...)`."""

from tfapp.models.classifiers.building import CLASSIFIERS, build_classifier
from tfapp.models.classifiers.tanh_loss import TanhSquaredError, tanh_squared_error

__all__ = ["CLASSIFIERS", "TanhSquaredError", "build_classifier", "tanh_squared_error"]
