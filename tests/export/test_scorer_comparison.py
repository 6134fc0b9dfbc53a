import numpy as np
import pytest

from tfapp.export.comparisons import compare_scores
from tfapp.export.requests import Request

TOLERANCE = 1e-5
# The last image cannot be decided: its two best classes are one tolerance apart.
SCORES = np.array([[-1.5, 2.0, 0.1], [-0.2, -0.9, -0.4], [0.5, 0.5 + 1e-5, -3.0]], np.float32)
LABELS = np.array([1, 0, 1], np.int32)
REQUEST = Request("s", {}, {"scores": SCORES, "labels": LABELS})


def compared(scores=SCORES, labels=LABELS):
    return compare_scores(REQUEST, {"scores": scores, "labels": labels}, TOLERANCE)


def test_equal_answers_have_no_failure():
    assert compared() == (0.0, 1.0, None)


def test_score_beyond_the_tolerance_fails_with_expected_and_got():
    difference, share, failure = compared(SCORES + np.float32(1e-3))
    assert (difference, share) == (pytest.approx(1e-3, rel=1e-3), None)
    assert failure == "`scores` expected within 1e-05, got a difference of 0.001"


def test_nan_fails():
    assert "got a difference of nan" in compared(SCORES * np.float32("nan"))[2]


def test_one_wrong_label_fails():
    failure = compared(labels=np.array([1, 2, 1], np.int32))[2]
    assert failure == "`labels` expected 3 equal labels, got 1 different ones"


def test_label_may_swap_where_the_two_best_scores_tie_within_the_tolerance():
    assert compared(labels=np.array([1, 0, 0], np.int32)) == (0.0, pytest.approx(2 / 3), None)


def test_other_shape_dtype_or_alias_fails():
    assert "`scores` expected float32 (3, 3), got float32 (3, 2)" in compared(SCORES[:, :2])[2]
    assert "`labels` expected int32 (3,), got float32 (3,)" in compared(labels=LABELS.astype(np.float32))[2]
    assert "output `labels` expected" in compare_scores(REQUEST, {"scores": SCORES}, TOLERANCE)[2]
