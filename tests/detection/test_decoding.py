"""From what a detector computes to boxes, against loops in NumPy."""

import numpy as np
import pytest

from tfapp.detection.decoding import detected, proposed
from tfapp.detection.geometry import overlaps

SIZES = np.float32([[100, 120]])


def suppressed(boxes, scores, overlap):
    """Return the places that greedy non-maximum suppression keeps, the likeliest first."""
    kept = []
    for place in np.argsort(-scores, kind="stable"):
        if all(overlaps(boxes[[place]], boxes[[other]])[0, 0] <= overlap for other in kept):
            kept.append(place)
    return kept


@pytest.fixture
def boxes():
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 70, (60, 2))
    return np.concatenate([low, low + rng.uniform(8, 30, (60, 2))], axis=1).astype(np.float32)


@pytest.fixture
def scores():
    return np.random.default_rng(1).dirichlet([1, 1, 1], 60).astype(np.float32)


def test_boxes_of_each_class_are_those_of_greedy_suppression(boxes, scores):
    found, likely, labels, counts = (
        one.numpy()
        for one in detected(
            scores[None],
            np.zeros((1, 60, 2, 4), np.float32),
            boxes[None],
            SIZES,
            overlap=0.4,
            least_score=0.2,
            most=100,
        )
    )
    for label in (0, 1):
        chosen = np.flatnonzero(scores[:, label + 1] > 0.2)
        kept = chosen[suppressed(boxes[chosen], scores[chosen, label + 1], 0.4)]
        ours = found[0, : counts[0]][labels[0, : counts[0]] == label]
        assert ours == pytest.approx(boxes[kept], abs=1e-4)
    assert (np.diff(likely[0, : counts[0]]) <= 0).all()


def test_rows_behind_the_last_box_hold_zeros_and_no_class(boxes, scores):
    found, likely, labels, counts = detected(
        scores[None],
        np.zeros((1, 60, 2, 4), np.float32),
        boxes[None],
        SIZES,
        overlap=0.4,
        least_score=0.9,
        most=50,
    )
    count = int(counts[0])
    assert 0 < count < 50
    assert not found[0, count:].numpy().any() and not likely[0, count:].numpy().any()
    assert (labels[0, count:].numpy() == -1).all()


def test_regions_that_are_none_give_no_box(scores):
    none = np.tile(np.float32([0, 0, -1, -1]), (1, 60, 1))
    offsets = np.random.default_rng(0).normal(0, 1, (1, 60, 2, 4)).astype(np.float32)
    *_, counts = detected(scores[None], offsets, none, SIZES, overlap=0.4, least_score=0.01, most=50)
    assert int(counts[0]) == 0


def test_boxes_are_cut_to_the_image(scores):
    beyond = np.tile(np.float32([90, 100, 140, 160]), (1, 60, 1))
    found, *_, counts = detected(
        scores[None],
        np.zeros((1, 60, 2, 4), np.float32),
        beyond,
        SIZES,
        overlap=0.4,
        least_score=0.2,
        most=5,
    )
    assert int(counts[0]) and found[0, 0].numpy().tolist() == [90, 100, 100, 120]


def test_proposals_are_those_of_greedy_suppression(boxes):
    likely = np.random.default_rng(2).random(60).astype(np.float32)
    found = proposed(likely[None], np.zeros((1, 60, 4), np.float32), boxes, SIZES, most=80, overlap=0.5)
    expected = boxes[suppressed(boxes, likely, 0.5)]
    assert found[0, : len(expected)].numpy() == pytest.approx(expected, abs=1e-4)
    assert (found[0, len(expected) :].numpy() == [0, 0, -1, -1]).all()


def test_anchors_outside_of_the_image_are_no_proposals():
    outside = np.float32([[200, 200, 240, 240], [10, 10, 40, 40]])
    found = proposed(np.float32([[0.9, 0.1]]), np.zeros((1, 2, 4), np.float32), outside, SIZES, most=5)
    assert (found[0, :, 2] > 0).numpy().sum() == 1 and found[0, 0].numpy().tolist() == [10, 10, 40, 40]
