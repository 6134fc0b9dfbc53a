"""Forms of average precision that rankings of images and of detections share."""

import numpy as np

AREA, ELEVEN_POINT = "area", "11-point"
FORMS = (AREA, ELEVEN_POINT)
_RECALLS = np.arange(11) / 10


def largest_precisions(precisions, recalls, levels):
    """Return the largest precision at a recall of at least each level, float64 (levels,); 0 where none reaches it.

    Args:
        precisions, recalls: Points of one curve (n,) in any order, from 0 to 1.
        levels: Recalls (levels,).
    """
    precisions, recalls = np.asarray(precisions, np.float64), np.asarray(recalls)
    order = np.argsort(recalls, kind="stable")
    # The largest from each point on; after the last there is none.
    falling = np.append(np.maximum.accumulate(precisions[order][::-1])[::-1], 0.0)
    return falling[np.searchsorted(recalls[order], levels, side="left")]


def eleven_point_mean(precisions, recalls):
    """Return the 11-point average precision of a curve, from 0 to 1; arguments as of `largest_precisions`.

    It is the mean over the recalls r = 0, 0.1, ..., 1 of the largest precision at a recall of at least r.

    Reference:
        M. Everingham, L. Van Gool, C. K. I. Williams, J. Winn, A. Zisserman, "The PASCAL Visual Object Classes (VOC)
        Challenge", IJCV 88(2), 2010, section 4.2.
    """
    return float(np.mean(largest_precisions(precisions, recalls, _RECALLS)))
