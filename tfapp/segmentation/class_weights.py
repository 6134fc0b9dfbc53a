"""Weights that make rare classes count."""

import numpy as np


def class_weights(frames, weighting):
    """Return one weight per class, or None for no weighting.

    `balanced` is the inverse of each class's share of the labelled training pixels, scaled to a mean of
    1 over the classes that occur, and at most 20: a class of a few pixels must not take over the loss.

    Args:
        frames: Training `Frames` without class weights.
        weighting: `none` or `balanced`.
    """
    if weighting == "none":
        return None
    counts = np.zeros(frames.dataset.num_classes)
    for index in range(len(frames)):
        _, labels, weights = frames[index]
        counts += np.bincount(labels[weights > 0], minlength=len(counts))
    inverse = np.where(counts > 0, counts.sum() / np.maximum(counts, 1), 0.0)
    scaled = np.minimum(inverse / inverse[counts > 0].mean(), 20.0)
    return [float(weight) for weight in scaled]
