"""Kinds of errors, and classes that are taken for others."""

import numpy as np
import pytest

from tests.detection.random_scenes import boxes_at, detections_at, random_scenes
from tfapp.detection.scores.errors import KINDS, confusion_matrix, count_kinds, error_kinds
from tfapp.detection.scores.matching import match, overlapping_pairs

CAT, DOG = 0, 1
PLACE, ELSEWHERE = (0, 0, 10, 10), (50, 50, 60, 60)
HALF_OFF = (0, 4, 10, 14)  # an overlap of 60 / 140 with PLACE
SCORE = 0.4


def kinds_of(truth, detections, iou=0.5):
    pairs = overlapping_pairs([truth], [detections])
    return [KINDS[place] for place in error_kinds(pairs, match(pairs, iou), iou)]


@pytest.mark.parametrize(
    ("corners", "label", "kind"),
    [
        (PLACE, CAT, "correct"),
        (HALF_OFF, CAT, "localisation"),
        (PLACE, DOG, "confused"),
        (HALF_OFF, DOG, "both"),
        (ELSEWHERE, CAT, "background"),
    ],
)
def test_kind_of_one_detection_of_a_cat(corners, label, kind):
    assert kinds_of(boxes_at([PLACE], [CAT]), detections_at([corners], [1], [label])) == [kind]


def test_second_detection_is_a_duplicate():
    assert kinds_of(boxes_at([PLACE]), detections_at([PLACE, PLACE], [0.4, 0.6])) == ["duplicate", "correct"]


def test_detection_of_a_difficult_object_is_ignored():
    assert kinds_of(boxes_at([PLACE], difficult=[True]), detections_at([PLACE], [1])) == ["ignored"]


def test_wrong_place_of_the_own_class_comes_before_another_class():
    truth = boxes_at([PLACE, HALF_OFF], [DOG, CAT])
    assert kinds_of(truth, detections_at([PLACE], [1], [CAT])) == ["localisation"]


@pytest.fixture(params=[0, 1, 2])
def scored(request):
    """Random pairs, their matching, and which detections count."""
    pairs = overlapping_pairs(*random_scenes(images=30, seed=request.param))
    return pairs, match(pairs, 0.5), pairs.scores >= SCORE


def test_every_detection_has_one_kind(scored):
    pairs, matching, shown = scored
    counts = count_kinds(pairs, error_kinds(pairs, matching, 0.5), shown, 3)
    assert tuple(counts) == KINDS and all(sum(one) for one in counts.values())
    np.testing.assert_array_equal(sum(counts.values()), np.bincount(pairs.labels[shown], minlength=3))


def test_correct_and_ignored_are_those_of_the_matching(scored):
    pairs, matching, _ = scored
    kinds = error_kinds(pairs, matching, 0.5)
    assert (kinds == KINDS.index("correct")).tolist() == matching.correct.tolist()
    assert (kinds == KINDS.index("ignored")).tolist() == matching.ignored.tolist()


def test_rows_of_the_confusion_are_the_objects_that_count(scored):
    pairs, _, shown = scored
    rows = confusion_matrix(pairs, shown, 3, 0.5)[:-1].sum(axis=1)
    assert rows.tolist() == pairs.objects_of(3).tolist()


def test_columns_of_the_confusion_are_the_detections_but_those_of_difficult_objects_alone():
    truth, detections = random_scenes(images=30, difficult=0)
    pairs = overlapping_pairs(truth, detections)
    shown = pairs.scores >= SCORE
    columns = confusion_matrix(pairs, shown, 3, 0.5)[:, :-1].sum(axis=0)
    assert columns.tolist() == np.bincount(pairs.labels[shown], minlength=3).tolist()


def test_confusion_worked_by_hand():
    far = (100, 100, 120, 120)
    truth = boxes_at([PLACE, ELSEWHERE, far, (0, 50, 10, 60)], [CAT, CAT, DOG, DOG], [False] * 3 + [True])
    found = detections_at(
        [PLACE, PLACE, ELSEWHERE, (0, 50, 10, 60), (200, 200, 210, 210)],
        [0.9, 0.8, 0.7, 0.6, 0.5],
        [CAT, CAT, DOG, CAT, DOG],
    )
    pairs = overlapping_pairs([truth], [found])
    # One cat is found twice, one taken for a dog; a dog is missed, one is difficult; a dog is seen where nothing is.
    expected = [[1, 1, 0], [0, 0, 1], [1, 1, 0]]
    assert confusion_matrix(pairs, np.ones(5, bool), 2, 0.5).tolist() == expected
