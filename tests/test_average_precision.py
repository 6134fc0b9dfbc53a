"""Forms of average precision that tasks share."""

import numpy as np
import pytest

from tfapp.average_precision import eleven_point_mean, largest_precisions


def test_largest_precision_is_that_of_all_points_at_no_smaller_recall():
    rng = np.random.default_rng(0)
    precisions, recalls = rng.random(40), rng.integers(0, 8, 40) / 10
    levels = np.arange(11) / 10
    expected = [max(precisions[recalls >= level], default=0.0) for level in levels]
    assert largest_precisions(precisions, recalls, levels).tolist() == expected


def test_recall_that_is_never_reached_has_precision_0():
    # Precision 1 at the points 0, 0.1 and 0.2, and 0 at the eight others.
    assert eleven_point_mean([1.0], [0.25]) == pytest.approx(3 / 11)


def test_curve_without_points_has_average_0():
    assert eleven_point_mean([], []) == 0
