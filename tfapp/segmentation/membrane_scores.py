"""Scores of the ISBI 2012 challenge: how well thresholded membranes part the cells from each other.

I. Arganda-Carreras et al., "Crowdsourcing the creation of image segmentation algorithms for connectomics",
Frontiers in Neuroanatomy 9:142, 2015, with alpha = 1/2. What they leave open (connectivity, thresholds, how
borders are thinned and slices averaged) is as in the challenge's evaluation script for Fiji.
"""

from typing import NamedTuple

import numpy as np
from skimage.measure import label
from skimage.metrics import contingency_table
from skimage.segmentation import watershed

# By steps of 0.1, as the script adds them up: the last one is the double just below 1.
THRESHOLDS = tuple(np.cumsum([0.0, *[0.1] * 10]).tolist())
# Pixels that only touch at a corner are not connected.
CONNECTIVITY = 1


class MembraneScores(NamedTuple):
    """The best scores over the thresholds, each the mean over the slices.

    Attributes:
        rand: Foreground-restricted Rand score after border thinning, V_rand, in [0, 1].
        information: Foreground-restricted information-theoretic score after border thinning, V_info, in [0, 1].
        rand_threshold, information_threshold: Threshold of the probability of a cell at which each is reached.
    """

    rand: float
    information: float
    rand_threshold: float
    information_threshold: float


def membrane_scores(truths, probabilities, *, thresholds=THRESHOLDS, advance=lambda: None):
    """Return the `MembraneScores` of a stack of slices.

    Args:
        truths: Boolean arrays (height, width), True in cells and False on membranes.
        probabilities: Floats (height, width) for each, the probability of a cell, in [0, 1].
        thresholds: Thresholds to choose from: a pixel above one belongs to a cell.
        advance: Called after each slice, for a progress bar.
    """
    by_slice = []
    for truth, probability in zip(truths, probabilities, strict=True):
        cells = label(truth, connectivity=CONNECTIVITY)
        # In double precision: a threshold just below 1 is 1 in single.
        proposals = (np.asarray(probability, np.float64) > threshold for threshold in thresholds)
        by_slice.append([overlap_scores(cells, thinned(proposal)) for proposal in proposals])
        advance()
    rand, information = np.moveaxis(np.mean(by_slice, axis=0), -1, 0)
    best_rand, best_information = rand.argmax(), information.argmax()
    return MembraneScores(
        float(rand[best_rand]),
        float(information[best_information]),
        float(thresholds[best_rand]),
        float(thresholds[best_information]),
    )


def thinned(cells):
    """Return the cells that membranes part once these are thinned to lines of one pixel.

    The connected cells are grown into the membranes by a watershed that leaves a line between two of them.
    Without any cell, the image is one, as the one basin of a constant image is.

    Args:
        cells: Boolean array (height, width), True in cells.

    Returns:
        Integers (height, width): 0 on the lines, 1, 2, ... for the cells.
    """
    markers = label(cells, connectivity=CONNECTIVITY)
    if not markers.any():
        return np.ones(cells.shape, np.int64)
    return watershed(~cells, markers, connectivity=CONNECTIVITY, watershed_line=True)


def overlap_scores(truth, proposal):
    """Return (V_rand, V_info) of a labelling, restricted to the pixels of true cells.

    With p_ij the share of pixels in true cell i and proposed cell j, t_i and s_j its sums,
    V_rand = sum p_ij^2 / (sum t_i^2 / 2 + sum s_j^2 / 2) and V_info = I(t, s) / (H(t) / 2 + H(s) / 2). Every pixel of
    a thinned membrane is a proposed cell of its own.

    Args:
        truth: Integers (height, width), 0 outside the true cells.
        proposal: Integers (height, width), 0 on the thinned membranes.

    Returns:
        Two floats in [0, 1]: 0 without any true cell; V_info is 1 where both have just one cell.
    """
    pixels = np.count_nonzero(truth)
    if not pixels:
        return 0.0, 0.0
    table = contingency_table(truth, proposal, ignore_labels=[0], normalize=True).tocsc()
    on_lines, joint = table[:, 0].sum(), table[:, 1:].data
    true, proposed = (np.ravel(part.sum(axis=axis)) for part, axis in ((table, 1), (table[:, 1:], 0)))
    singles = np.full(round(on_lines * pixels), 1 / pixels)
    joint, proposed = np.append(joint, singles), np.append(proposed, singles)
    rand = 2 * np.sum(joint**2) / (np.sum(true**2) + np.sum(proposed**2))
    entropies = _entropy(true) + _entropy(proposed)
    # I = H(t) + H(s) - H(t, s)
    information = 2 * (entropies - _entropy(joint)) / entropies if entropies > 0 else 1.0
    return tuple(float(np.clip(score, 0, 1)) for score in (rand, information))


def _entropy(shares):
    shares = shares[shares > 0]
    return -np.sum(shares * np.log(shares))
