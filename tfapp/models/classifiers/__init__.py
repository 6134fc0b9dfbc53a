"""Classifiers of images: `build_classifier(name, num_classes, input_shape, ...)`."""

from tfapp.models.classifiers.building import CLASSIFIERS, build_classifier

__all__ = ["CLASSIFIERS", "build_classifier"]
