"""Instance labels against the truth, by pairs of points: precision, recall and F1."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics.cluster import pair_confusion_matrix

from tfapp.errors import InputError
from tfapp.pose.evaluation.point_checks import check_labels


@dataclass(frozen=True)
class PairScores:
    """Scores of a clustering, each in [0, 1], 1 the best.

    Attributes:
        precision: Of the pairs that were put together, the share that belongs together.
        recall: Of the pairs that belong together, the share that was put together.
        f1: Harmonic mean of both.
    """

    precision: float
    recall: float
    f1: float


def pair_scores(labels, truth) -> PairScores:
    """Score the labels of one scene by all pairs of two different points.

    What is counted is not points but pairs of points: a pair is positive where both points are said to be in the
    same instance. The names of the instances therefore do not matter. A part with many points weighs more than
    in proportion to them.

    Args:
        labels: Whole numbers (n,), the instance of each observed point.
        truth: Whole numbers (n,), the true instance.

    Returns:
        The `PairScores`. Where nothing was put together, precision is 0, and where nothing belongs together,
        recall is 0; where neither is, all scores are 1.

    Raises:
        InputError: Not as many labels as true ones, or none.
    """
    truth = check_labels("truth", truth)
    (_, wrong), (missed, right) = pair_confusion_matrix(truth, check_labels("labels", labels, len(truth)))
    if not right + wrong + missed:
        return PairScores(1.0, 1.0, 1.0)
    return PairScores(
        precision=_ratio(right, right + wrong),
        recall=_ratio(right, right + missed),
        f1=_ratio(2 * right, 2 * right + wrong + missed),
    )


def mean_over_scenes(scores: Sequence[PairScores]) -> PairScores:
    """Return the mean of each score over scenes; each scene counts the same, however many points it has.

    The F1 of the result is the mean of the scenes' F1, not the harmonic mean of the other two.

    Raises:
        InputError: No scene.
    """
    if not scores:
        raise InputError("The mean over scenes needs at least one scene. Received: none.")
    names = ("precision", "recall", "f1")
    return PairScores(*(float(np.mean([getattr(score, name) for score in scores])) for name in names))


def _ratio(part, whole):
    return float(part / whole) if whole else 0.0
