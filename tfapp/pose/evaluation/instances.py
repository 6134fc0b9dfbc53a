"""Which instance each observed point belongs to."""

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from tfapp.errors import InputError
from tfapp.pose.evaluation.point_checks import check_labels, check_points, check_visible


def label_points(points, clouds, visible=None) -> np.ndarray:
    """Return for each observed point the instance that has the nearest predicted point.

    Y. Wu, dissertation, chapter 4: how the network segments a scene.

    Args:
        points: (n, 3), observed, metres in the camera frame.
        clouds: (instances, m, 3), the object model in the pose of each instance, in the same frame.
        visible: bool (instances, m), predicted points that count, such as those left by hidden point removal;
            None for all.

    Returns:
        int64 (n,), from 0 to instances - 1.

    Raises:
        InputError: Wrong shapes, coordinates that are not finite, or no predicted point that counts.
    """
    points = check_points("points", points)
    clouds = np.asarray(clouds, np.float64)
    if clouds.ndim != 3 or clouds.shape[2] != 3:
        raise InputError(
            f"`clouds` must have the shape (instances, points, 3). Received: shape {clouds.shape}."
        )
    visible = check_visible(visible, clouds.shape[:2])
    predicted = check_points("clouds", clouds[visible])
    instance, _ = np.nonzero(visible)
    return instance[cKDTree(predicted).query(points)[1]]


def label_picture(labels, pixels, shape) -> np.ndarray:
    """Return a picture of labels, 0 where there is no point and label + 1 elsewhere.

    Args:
        labels: Whole numbers (n,), >= 0, as `label_points` returns them.
        pixels: Whole numbers (n, 2), row and column of each point.
        shape: (height, width) of the picture.

    Returns:
        int64 (height, width).

    Raises:
        InputError: Not one pixel for each label, or a pixel outside of the picture.
    """
    labels, pixels = check_labels("labels", labels), np.asarray(pixels)
    if pixels.shape != (len(labels), 2):
        raise InputError(
            f"`pixels` must have the shape ({len(labels)}, 2), one for each label. "
            f"Received: shape {pixels.shape}."
        )
    if (pixels < 0).any() or (pixels >= shape).any():
        raise InputError(
            f"`pixels` must be rows and columns of a picture of {shape[0]}×{shape[1]} pixels. "
            f"Received: rows {_span(pixels[:, 0])}, columns {_span(pixels[:, 1])}."
        )
    picture = np.zeros(shape, np.int64)
    picture[tuple(pixels.T)] = labels + 1
    return picture


def match_labels(labels, truth) -> np.ndarray:
    """Return labels renamed to those of the truth, one to one, so that as many points as possible agree.

    What an instance is called means nothing; pictures need the same colours for the same parts.

    Args:
        labels: Whole numbers (n,).
        truth: Whole numbers (n,).

    Returns:
        int64 (n,). A label without a partner, because there are more labels than true ones, is a new one.

    Raises:
        InputError: Not as many labels as true ones, or none.
    """
    truth = check_labels("truth", truth)
    labels = check_labels("labels", labels, len(truth))
    ours, our_index = np.unique(labels, return_inverse=True)
    theirs, their_index = np.unique(truth, return_inverse=True)
    overlap = np.zeros((len(ours), len(theirs)), np.int64)
    np.add.at(overlap, (our_index, their_index), 1)
    rows, columns = linear_sum_assignment(-overlap)
    names = theirs.max() + 1 + np.arange(len(ours))
    names[rows] = theirs[columns]
    return names[our_index]


def _span(values):
    return f"{values.min()} to {values.max()}"
