"""Precision over recall of detections, and PASCAL VOC's average precision."""

import numpy as np

from tfapp.average_precision import ELEVEN_POINT, eleven_point_mean


def precision_recall(pairs, matching, label):
    """Return precisions and recalls of one class, float64 (k,) each, after each of its detections by falling score.

    Detections of difficult objects are left out.

    Args:
        pairs: `OverlappingPairs`.
        matching: Their `Matching`.
        label: Index of the class, of which at least one object counts.
    """
    chosen = pairs.order[(pairs.labels[pairs.order] == label) & ~matching.ignored[pairs.order]]
    hits = np.cumsum(matching.correct[chosen])
    objects = np.count_nonzero((pairs.object_labels == label) & ~pairs.difficult)
    return hits / np.arange(1, len(hits) + 1), hits / objects


def average_precision(precisions, recalls, form):
    """Return the average precision of a curve, from 0 to 1.

    Args:
        precisions, recalls: As `precision_recall` returns them; recalls rise.
        form: `11-point`, as in VOC2007; or `area`, as from VOC2010 on: the area under the precision that is made to
            fall, so that at each recall it is the largest at this recall or a higher one.

    Reference:
        M. Everingham and J. Winn, "The PASCAL Visual Object Classes Challenge 2010 (VOC2010) Development Kit",
        section 3.4.1.
    """
    if form == ELEVEN_POINT:
        return eleven_point_mean(precisions, recalls)
    falling = np.maximum.accumulate(precisions[::-1])[::-1]
    return float(np.sum(np.diff(recalls, prepend=0) * falling))


def mean_of_classes(values):
    """Return the mean of the numbers of classes, float; NaN stands for none and is left out, NaN if all are."""
    values = np.asarray(values, np.float64)
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
