"""Which detection is of which object, against loops that are written as the rules read."""

import numpy as np
import pytest

from tests.detection.random_scenes import boxes_at, detections_at, random_scenes
from tfapp.detection.geometry import overlaps
from tfapp.detection.scores import matching as matching_module
from tfapp.detection.scores.matching import NONE, match, match_one_to_one, overlapping_pairs

OBJECT, OTHER = (0, 0, 10, 10), (0, 4, 10, 14)


def matched(truth, detections, iou=0.5):
    pairs = overlapping_pairs([truth], [detections])
    return match(pairs, iou)


def voc_kit_overlap(first, second):
    """Overlap of inclusive corners (x1, y1, x2, y2), counted from 1, with the kit's + 1."""
    low, high = np.maximum(first[:2], second[:2]), np.minimum(first[2:], second[2:])
    shared = np.prod(np.maximum(high - low + 1, 0))
    areas = [np.prod(one[2:] - one[:2] + 1) for one in (first, second)]
    return shared / (sum(areas) - shared)


def test_pairs_are_those_of_one_image_that_overlap():
    truth, detections = random_scenes()
    pairs = overlapping_pairs(truth, detections)
    expected, objects, found = [], 0, 0
    for boxes, one in zip(truth, detections, strict=True):
        iou = overlaps(one.corners.astype(float), boxes.corners.astype(float))
        rows, columns = np.nonzero(iou >= 0.1)
        expected += zip(rows + found, columns + objects, iou[rows, columns], strict=True)
        found, objects = found + len(one), objects + len(boxes)
    assert list(zip(pairs.detection, pairs.object, pairs.overlap, strict=True)) == expected


def test_pairs_are_the_same_however_many_are_taken_at_once(monkeypatch):
    scenes = random_scenes()
    expected = overlapping_pairs(*scenes)
    monkeypatch.setattr(matching_module, "_PAIRS", 5)
    found = overlapping_pairs(*scenes)
    for name in ("detection", "object", "overlap"):
        assert getattr(found, name).tolist() == getattr(expected, name).tolist()


def test_overlap_is_that_of_the_development_kit():
    rng = np.random.default_rng(0)
    low = rng.integers(1, 20, (40, 2))
    kit = np.concatenate([low, low + rng.integers(0, 20, (40, 2))], axis=1)
    ours = np.stack([kit[:, 1] - 1, kit[:, 0] - 1, kit[:, 3], kit[:, 2]], axis=1)
    expected = [[voc_kit_overlap(one, other) for other in kit] for one in kit]
    np.testing.assert_allclose(overlaps(ours.astype(float), ours.astype(float)), expected, rtol=1e-14)


def test_matching_is_the_loop_of_the_development_kit():
    truth, detections = random_scenes(images=30)
    found = match(overlapping_pairs(truth, detections), 0.5)
    rows = [(image, row) for image, one in enumerate(detections) for row in range(len(one))]
    order = sorted(rows, key=lambda place: -detections[place[0]].scores[place[1]])
    outcomes, taken = {}, set()
    for image, row in order:
        boxes, one = truth[image], detections[image]
        iou = overlaps(one.corners[row : row + 1].astype(float), boxes.corners.astype(float))[0]
        iou = np.where(boxes.labels == one.labels[row], iou, -1)
        best = int(iou.argmax()) if len(iou) else NONE
        if best == NONE or iou[best] < 0.5:
            outcomes[image, row] = "false"
        elif boxes.difficult[best]:
            outcomes[image, row] = "ignored"
        else:
            outcomes[image, row] = "false" if (image, best) in taken else "correct"
            taken.add((image, best))
    assert {"false", "ignored", "correct"} == set(outcomes.values())
    assert found.correct.tolist() == [outcomes[place] == "correct" for place in rows]
    assert found.ignored.tolist() == [outcomes[place] == "ignored" for place in rows]


def test_second_detection_of_an_object_is_false_even_on_another_free_object():
    truth = boxes_at([OBJECT, (0, 2, 10, 12)])
    found = matched(truth, detections_at([OBJECT, (0, 0.5, 10, 10.5)], [0.9, 0.8]))
    assert found.correct.tolist() == [True, False]


def test_overlap_of_just_the_threshold_is_enough():
    assert matched(boxes_at([OBJECT]), detections_at([(0, 0, 10, 5)], [1])).correct.tolist() == [True]


def test_of_equal_scores_the_detection_that_stands_first_is_correct():
    found = matched(boxes_at([OBJECT]), detections_at([(0, 0, 10, 8), OBJECT], [0.5, 0.5]))
    assert found.correct.tolist() == [True, False]


def test_every_detection_of_a_difficult_object_is_ignored():
    truth = boxes_at([OBJECT], difficult=[True])
    assert matched(truth, detections_at([OBJECT, OBJECT], [0.9, 0.8])).ignored.tolist() == [True, True]


def test_one_to_one_leaves_a_surer_detection_its_choice_and_the_next_the_free_object():
    pairs = overlapping_pairs([boxes_at([OBJECT, OTHER])], [detections_at([OBJECT, OBJECT], [0.5, 0.9])])
    assert match_one_to_one(pairs, pairs.overlap > 0.2).tolist() == [1, 0]


@pytest.mark.parametrize("images", [0, 1])
def test_no_box_at_all_has_no_pair(images):
    pairs = overlapping_pairs([boxes_at([])] * images, [detections_at([], [])] * images)
    assert len(pairs.overlap) == 0 and len(match(pairs, 0.5).correct) == 0
