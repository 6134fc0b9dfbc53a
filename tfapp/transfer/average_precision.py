"""Average precision of a class, in the two forms of the PASCAL VOC challenges."""

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_curve

AREA, ELEVEN_POINT = "area", "11-point"
FORMS = (AREA, ELEVEN_POINT)
_RECALLS = np.arange(11) / 10


def average_precision(scores, targets, form=AREA):
    """Return the average precision of one class, from 0 to 1.

    Args:
        scores: Numbers (n,), the higher the surer.
        targets: Integers (n,): 1 the class is there, -1 it is not, 0 the image does not count.
        form: `area`, the area under the steps of the precision over recall, as from VOC2010 on but without making
            precision fall first (that of scikit-learn); or `11-point`, as in VOC2007: the mean over the recalls r =
            0, 0.1, ..., 1 of the largest precision at a recall of at least r.

    Returns:
        Float; NaN if no image that counts has the class.

    Reference:
        M. Everingham, L. Van Gool, C. K. I. Williams, J. Winn, A. Zisserman, "The PASCAL Visual Object Classes (VOC)
        Challenge", IJCV 88(2), 2010, section 4.2.
    """
    targets = np.asarray(targets)
    counts = targets != 0
    present, scores = targets[counts] == 1, np.asarray(scores)[counts]
    if not present.any():
        return float("nan")
    if form == AREA:
        return float(average_precision_score(present, scores))
    precisions, recalls, _ = precision_recall_curve(present, scores)
    # The last point, precision 1 at recall 0, belongs to no image.
    precisions, recalls = precisions[:-1], recalls[:-1]
    return float(np.mean([precisions[recalls >= recall].max() for recall in _RECALLS]))


def average_precisions(scores, targets, form=AREA):
    """Return the average precision of each class, float64 (classes,).

    Args:
        scores: float (n, classes).
        targets: int (n, classes), as in `average_precision`.
        form: As in `average_precision`.
    """
    return np.array([average_precision(*column, form) for column in zip(scores.T, targets.T, strict=True)])
