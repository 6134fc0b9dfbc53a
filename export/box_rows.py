"""Rows of boxes with their scores and classes, as detectors answer: which belong to which, and how they differ."""

import numpy as np
from scipy.optimize import linear_sum_assignment

# Of a box of another class, in pixels: further away than any box of the same one.
_OTHER_CLASS = 1e9
# Two answers have the same rows if these are no further apart, in pixels and in score: a row that is suppressed in one
# and not in the other differs by more, and rounding by less.
_SAME_PLACE, _SAME_SCORE = 0.5, 0.01


def rows_of(answer, place):
    """Return the boxes `(count, 4)`, scores `(count,)` and classes `(count,)` of one image of an answer.

    Args:
        answer: Dict of the arrays `boxes`, `scores`, `classes` and `counts`.
        place: Index of the image.
    """
    count = int(answer["counts"][place])
    return tuple(answer[alias][place, :count] for alias in ("boxes", "scores", "classes"))


def paired(expected, found):
    """Pair rows of two answers about an image so that they are as near to each other as can be, whatever their order.

    Args:
        expected, found: Tuples of boxes, scores and classes, as of `rows_of`, of as many rows.

    Returns:
        Array of the index in `found` of each row of `expected`; one of another class where none of its own is left.
    """
    apart = np.abs(expected[0][:, None] - found[0][None]).max(-1).astype(np.float64)
    apart += np.abs(expected[1][:, None] - found[1][None])
    apart += np.where(expected[2][:, None] == found[2][None], 0.0, _OTHER_CLASS)
    return linear_sum_assignment(apart)[1]


def differences(expected, found):
    """Compare rows of two answers about an image, paired as of `paired`.

    Args:
        expected, found: As of `paired`.

    Returns:
        Tuple of the largest difference of a corner in pixels, that of a score, and the number of rows whose class is
        another.
    """
    if not len(expected[1]):
        return 0.0, 0.0, 0
    pairs = paired(expected, found)
    boxes, scores, classes = (values[pairs] for values in found)
    return (
        float(np.abs(boxes - expected[0]).max()),
        float(np.abs(scores - expected[1]).max()),
        int(np.count_nonzero(classes != expected[2])),
    )


def same_rows(expected, found):
    """Return whether two answers about an image have the same rows but for what rounding does to numbers."""
    if len(expected[1]) != len(found[1]):
        return False
    pixels, score, wrong = differences(expected, found)
    return pixels <= _SAME_PLACE and score <= _SAME_SCORE and not wrong


def form_failure(answer):
    """Return a sentence if an answer is no list of boxes of each image, else None.

    Numbers must be finite, scores fall from row to row, and rows behind the last box hold zeros and the class -1.

    Args:
        answer: As of `rows_of`.
    """
    for alias in ("boxes", "scores"):
        if wrong := np.count_nonzero(~np.isfinite(answer[alias])):
            return f"`{alias}` expected to be finite, got {wrong} that are not"
    most = answer["boxes"].shape[1]
    for place, count in enumerate(answer["counts"].tolist()):
        if not 0 <= count <= most:
            return f"`counts` expected from 0 to {most}, got {count}"
        boxes, scores, classes = (answer[alias][place] for alias in ("boxes", "scores", "classes"))
        if boxes[count:].any() or scores[count:].any() or (classes[count:] != -1).any():
            return "rows behind the last box expected to hold zeros and the class -1, got others"
        if (np.diff(scores[:count]) > 0).any():
            return "`scores` expected to fall from row to row, got some that rise"
    return None
