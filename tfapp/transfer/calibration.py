"""Probabilities of classes from the scores of linear machines, and how far they are to be trusted."""

import numpy as np
from scipy.special import expit, log_expit, softmax
from sklearn.linear_model import LogisticRegression

_LEAST_SLOPE = 1e-3


def fit_sigmoid(scores, present):
    """Return slope and offset of the probability 1 / (1 + exp(-(slope * score + offset))) of a class.

    J. Platt, "Probabilistic Outputs for Support Vector Machines", 1999, whose targets are a little less sure than 0 and
    1. Scores that say nothing, or the contrary, give about the share of the class.

    Args:
        scores: float (n,), of images that the machine was not fitted to.
        present: bool (n,), whether they show the class; some do and some do not.

    Returns:
        Two floats; the slope is positive.
    """
    positive, negative = np.count_nonzero(present), np.count_nonzero(~present)
    sure = np.where(present, (positive + 1) / (positive + 2), 1 / (negative + 2))
    # A target between 0 and 1 is both, each with its weight.
    labels, weights = np.repeat([1, 0], len(scores)), np.concatenate([sure, 1 - sure])
    fitted = LogisticRegression(C=np.inf).fit(np.tile(scores, 2)[:, None], labels, weights)
    slope = float(fitted.coef_[0, 0])
    if slope < _LEAST_SLOPE:
        return _LEAST_SLOPE, float(np.log(positive / negative))
    return slope, float(fitted.intercept_[0])


def probabilities_of(machines, scores, exclusive):
    """Return the calibrated probabilities float64 (n, classes) of scores (n, classes).

    Args:
        machines: `LinearClassifiers` that were calibrated.
        scores: As `LinearClassifiers.scores` returns them.
        exclusive: Whether each image has exactly one class: they are then divided by their sum.
    """
    log_odds = machines.slopes * scores + machines.offsets
    if not exclusive:
        return expit(log_odds)
    return softmax(log_expit(log_odds), axis=1)


def calibration_error(probabilities, targets, bins=10):
    """Return the expected calibration error, from 0 to 1, and the bins it is made of.

    Args:
        probabilities: (n, classes).
        targets: int (n, classes), as in `fit_classifiers`; those of 0 do not count.
        bins: Of equal width.

    Returns:
        (the mean over images and classes of the distance of a bin's mean probability from its share of images with
        the class, an array with rows (mean probability, share, number) of the bins that are not empty).

    Reference:
        M. Naeini, G. Cooper, M. Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI
        2015.
    """
    counts = targets != 0
    given, present = probabilities[counts], (targets == 1)[counts]
    place = np.minimum((given * bins).astype(int), bins - 1)
    rows = [
        (given[place == number].mean(), present[place == number].mean(), np.count_nonzero(place == number))
        for number in range(bins)
        if (place == number).any()
    ]
    rows = np.array(rows)
    return float(np.sum(np.abs(rows[:, 0] - rows[:, 1]) * rows[:, 2]) / len(given)), rows
