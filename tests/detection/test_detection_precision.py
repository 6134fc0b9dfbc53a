"""Average precision of detections: worked by hand, and COCO's against NumPy."""

import io
from contextlib import redirect_stdout

import numpy as np
import pytest

from tests.detection.random_scenes import boxes_at, detections_at, random_scenes
from tfapp.detection.scores import coco
from tfapp.detection.scores.average_precision import average_precision, mean_of_classes, precision_recall
from tfapp.detection.scores.coco import coco_scores
from tfapp.detection.scores.matching import NONE, match, match_one_to_one, overlapping_pairs
from tfapp.errors import InputError


@pytest.fixture
def curve():
    """Four objects that count and a difficult one in two images, and seven detections.

    By falling score: a hit, its duplicate, the difficult object twice, a hit, background, a hit. One object is missed.
    """
    first = boxes_at([(0, 0, 10, 10), (0, 20, 10, 30), (0, 40, 10, 50)], difficult=[False, True, False])
    second = boxes_at([(0, 0, 10, 10), (30, 30, 50, 50)])
    found = [
        detections_at(
            [(0, 0, 10, 10), (0, 0, 10, 9), (0, 20, 10, 30), (0, 21, 10, 31), (0, 41, 10, 51)],
            [0.95, 0.9, 0.85, 0.8, 0.7],
        ),
        detections_at([(70, 70, 80, 80), (0, 0, 10, 10)], [0.6, 0.5]),
    ]
    pairs = overlapping_pairs([first, second], found)
    return precision_recall(pairs, match(pairs, 0.5), 0)


def test_curve_leaves_out_detections_of_difficult_objects(curve):
    precisions, recalls = curve
    assert precisions.tolist() == [1, 1 / 2, 2 / 3, 2 / 4, 3 / 5]
    assert recalls.tolist() == [0.25, 0.25, 0.5, 0.5, 0.75]


def test_eleven_points_worked_by_hand(curve):
    # Precision 1 at recalls 0, .1, .2; 2/3 at .3, .4, .5; 3/5 at .6, .7; 0 at .8, .9, 1.
    assert average_precision(*curve, "11-point") == pytest.approx((3 * 1 + 3 * 2 / 3 + 2 * 3 / 5) / 11)


def test_area_worked_by_hand(curve):
    assert average_precision(*curve, "area") == pytest.approx(0.25 * (1 + 2 / 3 + 3 / 5))


def test_area_is_under_precision_that_was_made_to_fall():
    # A false detection first: at recall 1 precision is 2/3, and so it is at recall 1/2.
    assert average_precision(np.array([0, 1 / 2, 2 / 3]), np.array([0, 0.5, 1]), "area") == pytest.approx(
        2 / 3
    )


@pytest.mark.parametrize("form", ["11-point", "area"])
def test_class_that_is_never_detected_has_0(form):
    assert average_precision(np.empty(0), np.empty(0), form) == 0


def test_class_without_objects_is_left_out_of_the_mean():
    assert mean_of_classes([0.2, np.nan, 0.6]) == pytest.approx(0.4)


def test_mean_of_no_class_is_none():
    assert np.isnan(mean_of_classes([np.nan]))


def at_101_recalls(pairs, label, iou):
    """COCO's average precision of a class without difficult objects, in NumPy."""
    own = pairs.same_class & (pairs.overlap >= iou)
    correct = match_one_to_one(pairs, own) != NONE
    correct = correct[pairs.order[pairs.labels[pairs.order] == label]]
    hits, objects = np.cumsum(correct), np.count_nonzero(pairs.object_labels == label)
    precisions, recalls = hits / np.arange(1, len(hits) + 1), hits / objects
    levels = np.linspace(0, 1, 101)
    return np.mean([max(precisions[recalls >= level], default=0) for level in levels])


@pytest.mark.parametrize(("name", "iou"), [("AP50", 0.5), ("AP75", 0.75)])
def test_coco_at_one_overlap_is_that_of_numpy(name, iou):
    scenes = random_scenes(images=40, difficult=0)
    pairs = overlapping_pairs(*scenes)
    expected = [at_101_recalls(pairs, label, iou) for label in range(3)]
    numbers, _ = coco_scores(*scenes, 3)
    assert 0.01 < min(expected) and numbers[name] == pytest.approx(np.mean(expected), abs=1e-9)


def test_coco_of_each_class_is_the_mean_over_ten_overlaps():
    scenes = random_scenes(images=40, difficult=0, seed=1)
    pairs = overlapping_pairs(*scenes)
    expected = [
        np.mean([at_101_recalls(pairs, label, iou) for iou in np.linspace(0.5, 0.95, 10)])
        for label in range(3)
    ]
    np.testing.assert_allclose(coco_scores(*scenes, 3)[1], expected, atol=1e-9)


def test_numbers_are_those_that_pycocotools_sums_up(monkeypatch):
    evaluators, (cocoeval, _) = [], coco.import_pycocotools()

    class Kept(cocoeval.COCOeval):
        def __init__(self, *given):
            super().__init__(*given)
            evaluators.append(self)

    monkeypatch.setattr(cocoeval, "COCOeval", Kept)
    numbers, _ = coco_scores(*random_scenes(), 3)
    with redirect_stdout(io.StringIO()):
        evaluators[0].summarize()
    expected = np.where(evaluators[0].stats < 0, np.nan, evaluators[0].stats)
    np.testing.assert_allclose(list(numbers.values()), expected, rtol=1e-12)


def test_size_is_the_area_of_the_box():
    sizes = {"APs": 30, "APm": 90, "APl": 100}
    for name, size in sizes.items():
        truth, found = boxes_at([(0, 0, size, size)]), detections_at([(0, 0, size, size)], [1])
        numbers, _ = coco_scores([truth], [found], 1)
        assert [one for one in sizes if numbers[one] == pytest.approx(1)] == [name]


OBJECTS = boxes_at([(0, 0, 40, 40), (0, 60, 40, 100)], difficult=[False, True])


def coco_ap(corners, **options):
    found = detections_at([*corners, (0, 0, 40, 40)], [*np.linspace(0.9, 0.8, len(corners)), 0.5])
    return coco_scores([OBJECTS], [found], 1, **options)[0]["AP50"]


def test_any_number_of_detections_of_a_difficult_object_are_ignored():
    assert coco_ap([(0, 60, 40, 100), (0, 62, 40, 100)]) == pytest.approx(1)


def test_small_detection_within_a_difficult_object_is_false():
    assert coco_ap([(10, 70, 20, 80)]) == pytest.approx(1 / 2)


def test_small_detection_within_a_crowd_is_ignored():
    assert coco_ap([(10, 70, 20, 80)], crowds=True) == pytest.approx(1)


def test_coco_writes_nothing_to_the_console(capfd):
    coco_scores(*random_scenes(images=2), 3)
    assert capfd.readouterr() == ("", "")


def test_missing_pycocotools_is_named_with_its_extra(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(coco, "import_module", missing)
    with pytest.raises(InputError, match=r'pip install "tfapp\[detection\]"'):
        coco_scores([], [], 1)
