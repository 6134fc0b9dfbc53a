"""Measures of label maps and images: losses, accuracy, IoU, the regularisation effect RE, PSNR, SSIM."""

from typing import NamedTuple

import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from tfapp.errors import InputError


def cross_entropy(probabilities, labels):
    """Return -log of the probability of each pixel's label.

    Args:
        probabilities: float64 (height, width, classes).
        labels: Integers (height, width).
    """
    likelihood = np.take_along_axis(probabilities, labels[..., None], -1)[..., 0]
    return -np.log(np.maximum(likelihood, np.finfo(np.float32).tiny))


def squared_error(outputs, labels):
    """Return the mean over the classes of (output - one-hot label)^2 for each pixel; arguments as above.

    Of one output channel, a label image, it is (output - label)^2.
    """
    if outputs.shape[-1] == 1:
        return (outputs[..., 0] - labels) ** 2
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


def mean_accuracy(confusion):
    """Return the mean over the classes that occur of the share of their pixels that are right; NaN if none occurs.

    The "mean accuracy" of J. Long, E. Shelhamer, T. Darrell, "Fully Convolutional Networks for Semantic Segmentation",
    CVPR 2015, section 5.

    Example:
        >>> mean_accuracy(np.array([[3, 1], [0, 0]]))
        0.75
    """
    counts = confusion.sum(1)
    occurring = counts > 0
    if not occurring.any():
        return float("nan")
    return float(np.mean(np.diag(confusion)[occurring] / counts[occurring]))


def class_iou(confusion):
    """Return each class's intersection over union in [0, 1]; NaN where it neither occurs nor is predicted."""
    intersection = np.diag(confusion).astype(float)
    union = confusion.sum(0) + confusion.sum(1) - intersection
    return np.divide(intersection, union, out=np.full(len(union), np.nan), where=union > 0)


def mean_iou(confusion):
    """Return the mean of `class_iou` over the classes that have one."""
    return float(np.nanmean(class_iou(confusion)))


# How RE is counted, as stored beside it. Those from before have no such name: a pixel that differs both ways counted 1.
RE_DEFINITION = "gradient length"


def regularisation_effect(labels):
    """Return RE of a label map: the mean length of its discrete gradient over the pixels, in percent.

    RE(u) = 100 / (N1 N2) * sum_ij |grad u|_ij, where grad u has two components, down and to the right: eqs. (4.1) and
    (4.2) of Jia, Liu and Tai (2019). A higher RE means rougher borders and more isolated regions.

    What u is, and the difference quotients, the text leaves open. Assumed is a field that jumps by 1 wherever the label
    changes, whatever the numbers of the two classes are: each component is 1 if pixel (i, j) has another label than its
    lower or its right neighbour, and 0 otherwise and beyond the last row and column. |.| is the Euclidean norm, so a
    pixel that differs both ways counts sqrt(2).

    Args:
        labels: Integers (height, width), a predicted label map at the image's original size.
    """
    down, right = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    both = np.count_nonzero(down[:, :-1] & right[:-1])
    one = np.count_nonzero(down) + np.count_nonzero(right) - 2 * both
    return float(100.0 * (one + np.sqrt(2.0) * both) / labels.size)


def label_borders(labels):
    """Return where an integer map (height, width) differs from its lower or its right neighbour, bool."""
    border = np.zeros(labels.shape, bool)
    border[:-1] |= labels[1:] != labels[:-1]
    border[:, :-1] |= labels[:, 1:] != labels[:, :-1]
    return border


# The Gaussian window of standard deviation 1.5 that SSIM is defined with, cut off at 3.5 of these.
SSIM_WINDOW = 11


class ImageQuality(NamedTuple):
    """Likeness of two images.

    Attributes:
        psnr: Peak signal-to-noise ratio in decibels, infinite for equal images.
        ssim: Structural similarity index, at most 1; the mean over pixels and channels.
    """

    psnr: float
    ssim: float


def image_quality(image, target):
    """Return the `ImageQuality` of an image.

    SSIM is that of Z. Wang, A. Bovik, H. Sheikh, E. Simoncelli, "Image Quality Assessment: From Error Visibility to
    Structural Similarity", IEEE Transactions on Image Processing 13(4), 2004, channel by channel.

    Args:
        image: Floats (height, width, channels); values outside [0, 1] are clipped.
        target: Floats of the same shape in [0, 1].

    Raises:
        InputError: For images that are smaller than SSIM's window of 11x11 pixels.
    """
    if min(target.shape[:2]) < SSIM_WINDOW:
        raise InputError(
            f"SSIM needs images of at least {SSIM_WINDOW}x{SSIM_WINDOW} pixels; got "
            f"{target.shape[1]}x{target.shape[0]}."
        )
    image, target = (np.clip(part, 0, 1).astype(np.float64) for part in (image, target))
    similarity = structural_similarity(
        target,
        image,
        data_range=1.0,
        channel_axis=-1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    if np.array_equal(image, target):
        return ImageQuality(np.inf, float(similarity))
    return ImageQuality(float(peak_signal_noise_ratio(target, image, data_range=1.0)), float(similarity))
