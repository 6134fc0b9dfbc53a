import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from tfapp.transfer.classifiers import average_precision, average_precisions

# By falling score: a hit, a miss, a hit, two misses, a hit.
SCORES, TARGETS = np.arange(6, 0, -1.0), np.array([1, -1, 1, -1, -1, 1])


def test_area_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    scores, targets = rng.normal(size=200), rng.choice([-1, 1], 200, p=[0.8, 0.2])
    expected = average_precision_score(targets == 1, scores)
    assert average_precision(scores, targets, "area") == pytest.approx(expected, rel=1e-12)


def test_eleven_points_of_an_example_worked_by_hand():
    # Precision 1 up to recall 1/3 (points 0 to 0.3), 2/3 up to 2/3 (0.4 to 0.6), 1/2 up to 1 (0.7 to 1).
    assert average_precision(SCORES, TARGETS, "11-point") == pytest.approx((4 * 1 + 3 * 2 / 3 + 4 / 2) / 11)


def test_area_of_the_same_example():
    assert average_precision(SCORES, TARGETS) == pytest.approx((1 + 2 / 3 + 1 / 2) / 3)


def test_precision_1_at_recall_0_is_not_counted():
    # One miss before the one hit: no threshold has a precision above 1/2.
    assert average_precision([2.0, 1.0], [-1, 1], "11-point") == pytest.approx(1 / 2)


@pytest.mark.parametrize("form", ["area", "11-point"])
def test_images_that_do_not_count_change_nothing(form):
    scores, targets = np.append(SCORES, [9.0, 3.5]), np.append(TARGETS, [0, 0])
    assert average_precision(scores, targets, form) == average_precision(SCORES, TARGETS, form)


def test_class_without_a_positive_example_has_none():
    assert np.isnan(average_precision(SCORES, -np.ones(6)))


def test_each_column_is_a_class():
    scores, targets = np.stack([SCORES, -SCORES], 1), np.stack([TARGETS, TARGETS], 1)
    expected = [average_precision(SCORES, TARGETS), average_precision(-SCORES, TARGETS)]
    assert average_precisions(scores, targets).tolist() == expected
