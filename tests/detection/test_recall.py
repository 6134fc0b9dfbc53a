"""Recall of objects by proposals."""

import numpy as np

from tfapp.data import Boxes
from tfapp.detection.proposals.recall import best_overlaps, recall_of, recall_table

# Proposals of 10 x 10 pixels that share 10 x 6 and 10 x 8 with an object: 60 / 140 = 0.43 and 80 / 120 = 0.67.
OBJECT, NEAR, NEARER = (0, 0, 10, 10), (0, 4, 10, 14), (0, 2, 10, 12)


def boxes(*rows):
    return Boxes.of(rows)


def array(*rows):
    return np.array(rows, np.float32).reshape(-1, 4)


def test_best_overlap_worked_by_hand():
    np.testing.assert_allclose(
        best_overlaps(array(OBJECT, (50, 50, 60, 60)), array(NEAR, NEARER)), [80 / 120, 0], rtol=1e-6
    )


def test_no_proposals_overlap_nothing():
    np.testing.assert_array_equal(best_overlaps(array(OBJECT), array()), [0])


def test_recall_worked_by_hand():
    objects = [
        boxes((OBJECT, 0, False), ((50, 50, 60, 60), 1, False), ((20, 20, 30, 30), 1, True)),
        boxes((OBJECT, 0, False)),
        boxes(),
    ]
    proposals = [array(NEARER, (50, 50, 60, 60)), array(NEAR), array()]
    recall = recall_of(objects, proposals, 3)
    np.testing.assert_array_equal(recall.objects, [2, 1, 0])
    np.testing.assert_array_equal(recall.found, [[1, 1, 0], [0, 1, 0]])
    np.testing.assert_allclose(recall.of_classes, [[0.5, 1, np.nan], [0, 1, np.nan]])
    np.testing.assert_allclose(recall.overall, [2 / 3, 1 / 3])
    assert recall.per_image == 1


def test_overlap_of_the_threshold_itself_counts():
    half = array((0, 0, 10, 5))
    assert recall_of([boxes((OBJECT, 0, False))], [half], 1, (0.5,)).overall == [1]


def test_table_has_the_classes_with_objects_and_all_of_them():
    recall = recall_of([boxes((OBJECT, 1, False))], [array(NEARER)], 2)
    table = recall_table(recall, ("cat", "dog"), "anchors")
    assert table.title == "anchors: 1 boxes an image in the mean"
    assert list(table.header) == ["class", "objects", "recall at IoU 0.5", "recall at IoU 0.7"]
    assert [list(map(str, row)) for row in table.rows] == [
        ["dog", "1", "100.0 %", "0.0 %"],
        ["all", "1", "100.0 %", "0.0 %"],
    ]


def test_recall_of_no_object_is_no_number():
    assert np.isnan(recall_of([boxes()], [array(NEAR)], 2).overall).all()
