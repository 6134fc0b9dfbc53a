import numpy as np
import pytest

from tfapp.segmentation.metrics import (
    class_iou,
    confusion_matrix,
    global_accuracy,
    mean_iou,
    regularisation_effect,
)

TRUE = np.array([[0, 0, 1], [1, 2, 2]])
PREDICTED = np.array([[0, 1, 1], [1, 2, 0]])


def test_confusion_matrix_by_hand():
    expected = [[1, 1, 0], [0, 2, 0], [1, 0, 1]]
    np.testing.assert_array_equal(confusion_matrix(TRUE, PREDICTED, 3), expected)


def test_ignored_pixels_do_not_count():
    labels = TRUE.copy()
    labels[0, 1] = 255
    assert confusion_matrix(labels, PREDICTED, 3, 255).sum() == 5


def test_accuracy_and_iou_by_hand():
    confusion = confusion_matrix(TRUE, PREDICTED, 3)
    assert global_accuracy(confusion) == pytest.approx(4 / 6)
    np.testing.assert_allclose(class_iou(confusion), [1 / 3, 2 / 3, 1 / 2])
    assert mean_iou(confusion) == pytest.approx(0.5)


def test_class_that_never_occurs_is_left_out_of_the_mean():
    confusion = confusion_matrix(np.zeros((2, 2), int), np.zeros((2, 2), int), 3)
    assert np.isnan(class_iou(confusion)[1:]).all()
    assert mean_iou(confusion) == 1.0


def test_constant_map_has_no_border():
    assert regularisation_effect(np.full((5, 7), 3)) == 0.0


def test_regularisation_effect_by_hand():
    # Columns 0 0 1: the pixels of the middle column differ from their right neighbour: 1 of 3.
    assert regularisation_effect(np.array([[0, 0, 1]] * 4)) == pytest.approx(100 / 3)


def test_a_pixel_that_differs_both_ways_counts_once():
    labels = np.zeros((4, 4), int)
    labels[0, 0] = 1
    assert regularisation_effect(labels) == pytest.approx(100 / 16)


def test_checkerboard_has_a_border_everywhere_but_in_the_last_corner():
    assert regularisation_effect(np.indices((6, 6)).sum(0) % 2) == pytest.approx(100 * 35 / 36)
