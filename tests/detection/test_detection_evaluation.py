"""All scores of a detector in one dictionary."""

import json

import numpy as np
import pytest

from tests.detection.random_scenes import boxes_at, detections_at, random_scenes
from tfapp.detection.detections import Detections
from tfapp.detection.scores.evaluation import METRICS_ENTRIES, evaluate_detections
from tfapp.errors import InputError

NAMES = ["cat", "dog", "cow", "unicorn"]
PLACE = (0, 0, 10, 10)


@pytest.fixture(scope="module")
def metrics():
    return evaluate_detections(*random_scenes(images=30), NAMES)


def test_dictionary_is_read_back_as_it_was(metrics):
    stored = json.loads(json.dumps(metrics, allow_nan=False))
    assert stored == metrics and METRICS_ENTRIES.fault(stored) is None


def test_class_without_objects_has_no_precision(metrics):
    assert metrics["objects"][3] == 0 and metrics["curves"][3] is None
    assert {values[3] for values in metrics["average_precision"].values()} == {None}
    assert metrics["mean"]["area"] == pytest.approx(np.mean(metrics["average_precision"]["area"][:3]))


def test_found_and_missed_objects_are_all(metrics):
    both = np.add(metrics["errors"]["correct"], metrics["missed"])
    assert both.tolist() == metrics["objects"]


def test_curves_are_of_coco_s_recalls(metrics):
    assert [curve and len(curve) for curve in metrics["curves"]] == [101, 101, 101, None]


def test_perfect_detections_have_1():
    truth, _ = random_scenes(difficult=0)
    perfect = [Detections(one.corners, one.labels, np.ones(len(one))) for one in truth]
    metrics = evaluate_detections(truth, perfect, NAMES)
    assert metrics["mean"] == {"area": 1, "11-point": 1}
    assert metrics["coco"]["numbers"]["AP"] == pytest.approx(1)


def test_detections_below_the_score_count_for_the_precision_alone():
    found = detections_at([PLACE], [0.3])
    metrics = evaluate_detections([boxes_at([PLACE])], [found], ["cat"], coco=False)
    assert metrics["mean"]["area"] == 1 and metrics["missed"] == [1] and metrics["errors"]["correct"] == [0]


def test_coco_may_be_left_out():
    metrics = evaluate_detections([boxes_at([PLACE])], [detections_at([], [])], ["cat"], coco=False)
    assert metrics["coco"] is None and METRICS_ENTRIES.fault(metrics) is None


def test_column_of_another_length_is_a_fault(metrics):
    wrong = metrics | {"missed": [0]}
    assert METRICS_ENTRIES.fault(wrong).where == "missed"


def test_confusion_of_another_shape_is_a_fault(metrics):
    assert METRICS_ENTRIES.fault(metrics | {"confusion": [[0] * 4] * 4}).where == "confusion"


@pytest.mark.parametrize(
    ("detections", "reason"),
    [
        ([], "for 0 images, and the objects of 1 are given"),
        ([detections_at([PLACE], [1], [1])], "detection of image 0 is of a class outside of the 1 classes"),
        ([detections_at([PLACE], [np.nan])], "not one finite number for each detection"),
        ([detections_at([(10, 0, 0, 10)], [1])], "A detection of image 0 has its corners swapped"),
        ([detections_at([(0, 0, np.inf, 10)], [1])], "no finite number"),
        ([Detections(np.zeros((2, 4)), np.zeros(1, int), np.zeros(1))], "no row of four corners"),
    ],
)
def test_detections_that_cannot_be_compared_are_refused(detections, reason):
    with pytest.raises(InputError, match=reason):
        evaluate_detections([boxes_at([PLACE])], detections, ["cat"])


@pytest.mark.parametrize(
    ("options", "reason"), [({"form": "voc"}, "Unknown `ap`"), ({"iou": 0.1}, "`iou` must")]
)
def test_settings_out_of_range_are_refused(options, reason):
    with pytest.raises(InputError, match=reason):
        evaluate_detections([], [], ["cat"], **options)
