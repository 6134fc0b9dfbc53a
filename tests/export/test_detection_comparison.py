"""When the boxes of an export count as those of the Keras model."""

import numpy as np
import pytest

from tfapp.export.box_rows import paired, same_rows
from tfapp.export.comparisons import box_difference, compare_detections
from tfapp.export.requests import Request

TOLERANCE = 1e-5
# Two images of at most three boxes; the scores of the first two rows of the first image nearly tie.
BOXES = np.zeros((2, 3, 4), np.float32)
BOXES[0] = [[0, 0, 10, 10], [5, 5, 30, 20], [0, 8, 9, 30]]
BOXES[1, 0] = [1, 2, 3, 4]
ANSWER = {
    "boxes": BOXES,
    "scores": np.array([[0.9, 0.899995, 0.3], [0.5, 0, 0]], np.float32),
    "classes": np.array([[0, 1, 1], [1, -1, -1]], np.int32),
    "counts": np.array([3, 1], np.int32),
}
REQUEST = Request("s", {}, {**ANSWER, "decided": np.array([True, True])})


def changed(alias, place, value):
    array = ANSWER[alias].copy()
    array[place] = value
    return {**ANSWER, alias: array}


def reordered(order, answer=ANSWER, aliases=("boxes", "scores", "classes")):
    return {
        **answer,
        **{alias: np.stack([answer[alias][0, order], answer[alias][1]]) for alias in aliases},
    }


def failure_of(outputs, request=REQUEST):
    return compare_detections(request, outputs, TOLERANCE)[2]


def test_equal_answers_have_no_failure():
    assert compare_detections(REQUEST, ANSWER, TOLERANCE) == (0.0, None, None)


def test_score_beyond_the_tolerance_fails():
    assert failure_of(changed("scores", (0, 2), 0.3001)).startswith("`scores` expected within 1e-05")


def test_corner_may_differ_by_a_thousandth_of_a_pixel():
    assert failure_of(changed("boxes", (0, 1, 2), 30.0009)) is None


def test_corner_beyond_a_thousandth_of_a_pixel_fails():
    failure = failure_of(changed("boxes", (0, 1, 2), 30.002))
    assert failure.startswith("`boxes` expected within 0.001, got a difference of 0.002")


def test_other_class_fails():
    failure = failure_of(changed("classes", (1, 0), 0))
    assert failure == "`classes` expected to be equal, got 1 different ones"


def test_box_that_is_missing_fails():
    outputs = changed("counts", 1, 0)
    for alias, nothing in (("boxes", 0), ("scores", 0), ("classes", -1)):
        outputs[alias] = outputs[alias].copy()
        outputs[alias][1, 0] = nothing
    assert failure_of(outputs) == "`counts` of image 2 expected 1, got 0"


def test_rows_whose_scores_tie_may_be_in_another_order():
    swapped = reordered([1, 0, 2])
    # The session has the scores of the two the other way round, by less than the tolerance.
    swapped["scores"] = np.array([[0.899998, 0.899997, 0.3], [0.5, 0, 0]], np.float32)
    assert failure_of(swapped) is None


def test_rows_of_other_scores_may_not_be_in_another_order():
    assert failure_of(reordered([2, 1, 0])) == "`scores` expected to fall from row to row, got some that rise"


def test_boxes_that_changed_their_scores_fail():
    assert failure_of(reordered([2, 1, 0], aliases=("boxes", "classes"))).startswith(
        "`scores` expected within"
    )


@pytest.mark.parametrize(("alias", "value"), [("boxes", 1), ("scores", 0.1), ("classes", 0)])
def test_something_behind_the_last_box_fails(alias, value):
    assert failure_of(changed(alias, (1, 2), value)).startswith(
        "rows behind the last box expected to hold zeros"
    )


def test_image_that_is_not_decided_is_left_out():
    request = Request("s", {}, {**ANSWER, "decided": np.array([True, False])})
    assert failure_of(changed("classes", (1, 0), 0), request) is None


def test_form_of_an_image_that_is_not_decided_counts():
    request = Request("s", {}, {**ANSWER, "decided": np.array([True, False])})
    assert failure_of(changed("classes", (1, 2), 0), request).startswith("rows behind the last box")


def test_nan_fails():
    failure = failure_of(changed("scores", (1, 0), np.nan))
    assert failure == "`scores` expected to be finite, got 1 that are not"


@pytest.mark.parametrize("alias", ["boxes", "scores", "classes", "counts"])
def test_missing_output_fails(alias):
    outputs = {name: value for name, value in ANSWER.items() if name != alias}
    assert failure_of(outputs).startswith(f"output `{alias}` expected")


def test_largest_difference_is_told_in_pixels():
    assert box_difference(REQUEST.expected, changed("boxes", (0, 1, 2), 30.25)) == 0.25


def test_answers_of_other_kinds_have_no_difference_in_pixels():
    assert box_difference({"scores": np.zeros(2)}, {"scores": np.zeros(2)}) is None


def test_pairs_have_the_least_sum_of_distances():
    rng = np.random.default_rng(0)
    boxes = rng.uniform(0, 100, (6, 4)).astype(np.float32)
    scores, classes = rng.random(6).astype(np.float32), np.array([0, 1, 0, 1, 0, 1])
    order = rng.permutation(6)
    moved = boxes[order] + rng.uniform(-1e-3, 1e-3, (6, 4)).astype(np.float32)
    pairs = paired((boxes, scores, classes), (moved, scores[order], classes[order]))
    np.testing.assert_array_equal(order[pairs], np.arange(6))


def test_rows_of_which_one_more_is_suppressed_are_others():
    first = tuple(ANSWER[alias][0] for alias in ("boxes", "scores", "classes"))
    assert same_rows(first, first) and not same_rows(first, tuple(values[:2] for values in first))
