"""Weights of classes in the loss, by the pixels that the training images show of each."""

import numpy as np

from tfapp.errors import InputError


def class_weights(counts, weighting, spec):
    """Return one weight per class, or None for no weighting; a class that does not occur gets 0.

    Args:
        counts: Labelled pixels by frame and class, as of `Frames.read_all`; not looked at for no weighting.
        weighting: `none`, `balanced` or `median-frequency`, the functions of this file.
        spec: What names the dataset, for the message.

    Raises:
        InputError: If no training pixel has a label.
    """
    if weighting == "none":
        return None
    if not counts.any():
        raise InputError(
            f"No training pixel of {spec} has a label; use `class_weighting` none, or other data."
        )
    rule = {"balanced": balanced, "median-frequency": median_frequency}[weighting]
    return [float(weight) for weight in rule(counts)]


def balanced(counts):
    """Return the inverse of each class's share of all labelled pixels, scaled to a mean of 1.

    The mean is over the classes that occur. No weight is above 20: a class of a few pixels must not take
    over the loss.

    Args:
        counts: Labelled pixels by image and class, shape (images, classes).
    """
    counts = counts.sum(axis=0)
    inverse = np.where(counts > 0, counts.sum() / np.maximum(counts, 1), 0.0)
    return np.minimum(inverse / inverse[counts > 0].mean(), 20.0)


def median_frequency(counts):
    """Return median(freq) / freq_c for each class c that occurs, and 0 for the others.

    freq_c = (pixels of class c) / (labelled pixels of the images in which c occurs), and the median is over
    the classes that occur: D. Eigen, R. Fergus, "Predicting Depth, Surface Normals and Semantic Labels with a
    Common Multi-Scale Convolutional Architecture", ICCV 2015, as SegNet uses it. Pixels that
    have no label do not count as pixels of an image; a patch counts as an image.

    Args:
        counts: Labelled pixels by image and class, shape (images, classes).
    """
    labelled = counts.sum(axis=1, keepdims=True)
    where_present = np.where(counts > 0, labelled, 0).sum(axis=0)
    pixels = counts.sum(axis=0)
    occurs = pixels > 0
    frequency = pixels[occurs] / where_present[occurs]
    weights = np.zeros(counts.shape[1])
    weights[occurs] = np.median(frequency) / frequency
    return weights
