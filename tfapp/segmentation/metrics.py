"""Segmentation measures: losses, accuracy, intersection over union, and the regularisation effect RE."""

import numpy as np


def cross_entropy(probabilities, labels):
    """Return -log of the probability of each pixel's label.

    Args:
        probabilities: float64 (height, width, classes).
        labels: Integers (height, width).
    """
    likelihood = np.take_along_axis(probabilities, labels[..., None], -1)[..., 0]
    return -np.log(np.maximum(likelihood, np.finfo(np.float32).tiny))


def squared_error(outputs, labels):
    """Return the mean over the classes of (output - one-hot label)^2 for each pixel; arguments as above."""
    one_hot = np.arange(outputs.shape[-1]) == labels[..., None]
    return np.mean((outputs - one_hot) ** 2, axis=-1)


# By the name of the loss in training.
PIXEL_LOSSES = {"cross-entropy": cross_entropy, "mse": squared_error}


def confusion_matrix(labels, predicted, num_classes, ignore_value=None):
    """Count pixels by true class (rows) and predicted class (columns), int64; ignored pixels are left out.

    Args:
        labels: Integers (...), true classes and the ignore value.
        predicted: Integers of the same shape, predicted classes.
    """
    labels, predicted = np.ravel(labels), np.ravel(predicted)
    if ignore_value is not None:
        keep = labels != ignore_value
        labels, predicted = labels[keep], predicted[keep]
    counts = np.bincount(labels.astype(np.int64) * num_classes + predicted, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def global_accuracy(confusion):
    """Return the share of labelled pixels that are right, in [0, 1]."""
    return float(np.trace(confusion) / max(confusion.sum(), 1))


def class_iou(confusion):
    """Return each class's intersection over union in [0, 1]; NaN where it neither occurs nor is predicted."""
    intersection = np.diag(confusion).astype(float)
    union = confusion.sum(0) + confusion.sum(1) - intersection
    return np.divide(intersection, union, out=np.full(len(union), np.nan), where=union > 0)


def mean_iou(confusion):
    """Return the mean of `class_iou` over the classes that have one."""
    return float(np.nanmean(class_iou(confusion)))


def regularisation_effect(labels):
    """Return RE of a label map: its border length per pixel, in percent; the smaller the smoother.

    RE = 100 / N * sum_i |grad x|_i, where |grad x|_i is 1 if pixel i has another label than its lower or
    its right neighbour, and 0 otherwise: our reading of F. Jia, J. Liu, X.-C. Tai, 2019, eqs. 4.1 and 4.2.

    Args:
        labels: Integers (height, width), a predicted label map at the image's original size.
    """
    return float(100.0 * label_borders(labels).mean())


def label_borders(labels):
    """Return where an integer map (height, width) differs from its lower or its right neighbour, bool."""
    border = np.zeros(labels.shape, bool)
    border[:-1] |= labels[1:] != labels[:-1]
    border[:, :-1] |= labels[:, 1:] != labels[:, :-1]
    return border
