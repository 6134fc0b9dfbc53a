"""Overlap of boxes, and offsets between them."""

import numpy as np
import pytest

from tfapp.detection.geometry import clipped, moved_by, offsets_to, overlaps, pair_overlaps


@pytest.fixture
def boxes():
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 50, (20, 2))
    return np.concatenate([low, low + rng.uniform(1, 30, (20, 2))], axis=1)


def test_overlap_is_that_of_pixels_counted_one_by_one():
    first, second = (np.array([[2, 3, 9, 12]]), np.array([[5, 1, 14, 7]]))

    def mask(box):
        found = np.zeros((20, 20), bool)
        found[box[0] : box[2], box[1] : box[3]] = True
        return found

    one, other = mask(first[0]), mask(second[0])
    expected = (one & other).sum() / (one | other).sum()
    assert overlaps(first.astype(float), second.astype(float))[0, 0] == pytest.approx(expected)


def test_overlap_with_a_box_without_area_is_zero():
    nothing = np.array([[3.0, 3.0, 3.0, 8.0]])
    assert overlaps(nothing, np.array([[0.0, 0.0, 10.0, 10.0], [3.0, 3.0, 3.0, 8.0]])).tolist() == [[0, 0]]


def test_overlaps_of_pairs_are_the_diagonal_of_all_overlaps(boxes):
    others = boxes[::-1] + 1.0
    assert pair_overlaps(boxes, others).tolist() == np.diag(overlaps(boxes, others)).tolist()


def test_offsets_lead_back_to_the_box(boxes):
    references = boxes[::-1]
    assert moved_by(references, offsets_to(boxes, references)).numpy() == pytest.approx(boxes, abs=1e-12)


def test_offsets_of_a_box_moved_by_its_height_and_twice_as_wide():
    reference, box = np.array([[0.0, 0.0, 10.0, 20.0]]), np.array([[10.0, -10.0, 20.0, 30.0]])
    assert offsets_to(box, reference)[0] == pytest.approx([1, 0, 0, np.log(2)])


def test_no_offset_overflows():
    found = moved_by(np.array([[0.0, 0.0, 16.0, 16.0]]), np.array([[0.0, 0.0, 1e6, 1e6]])).numpy()
    assert found[0] == pytest.approx([-492, -492, 508, 508])


def test_boxes_are_cut_to_each_image():
    boxes = np.array([[[-5.0, -5.0, 30.0, 30.0]], [[1.0, 2.0, 30.0, 30.0]]])
    found = clipped(boxes, np.array([[10.0, 20.0], [40.0, 8.0]])).numpy()
    assert found.tolist() == [[[0, 0, 10, 20]], [[1, 2, 30, 8]]]
