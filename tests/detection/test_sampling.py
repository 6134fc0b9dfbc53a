"""Regions and anchors that a detector is trained on."""

import numpy as np
import pytest

from tfapp.data import Boxes
from tfapp.detection.geometry import overlaps
from tfapp.detection.sampling import (
    OffsetScale,
    offset_scale,
    regions_around,
    sample_anchors,
    sample_regions,
)

OBJECTS = Boxes.of([((10, 10, 50, 50), 2, False), ((60, 60, 90, 80), 0, True)])
NOTHING = Boxes.of([])


@pytest.fixture
def candidates():
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 80, (400, 2))
    return np.concatenate([low, low + rng.uniform(5, 50, (400, 2))], axis=1).astype(np.float32)


def sampled(candidates, objects=OBJECTS, count=64, **options):
    return sample_regions(candidates, objects, count, np.random.default_rng(1), **options)


def test_objects_overlap_theirs_by_half_and_background_lies_in_its_range(candidates):
    found = sampled(candidates)
    largest = overlaps(found.boxes, OBJECTS.corners).max(axis=1)
    is_object = found.labels > 0
    assert (largest[is_object] >= 0.5).all()
    background = largest[~is_object & (found.weights > 0)]
    assert len(background) and (background >= 0.1).all() and (background < 0.5).all()


def test_at_most_a_quarter_are_objects(candidates):
    around = regions_around(OBJECTS, (100, 100), np.random.default_rng(2))
    assert (sampled(np.concatenate([candidates, around])).labels > 0).sum() == 16


def test_objects_themselves_are_candidates():
    found = sampled(np.zeros((0, 4), np.float32))
    assert sorted(found.labels[found.weights > 0].tolist()) == [1, 3]
    assert not found.offsets[found.weights > 0].any()


def test_label_is_that_of_the_object_that_is_overlapped_most(candidates):
    found = sampled(candidates)
    best = overlaps(found.boxes, OBJECTS.corners).argmax(axis=1)
    is_object = found.labels > 0
    assert (found.labels[is_object] == OBJECTS.labels[best[is_object]] + 1).all()


def test_rows_without_a_region_have_no_weight_and_swapped_corners():
    found = sampled(np.zeros((0, 4), np.float32), count=8)
    empty = found.weights == 0
    assert empty.sum() == 6 and (found.boxes[empty][:, 2:] < found.boxes[empty][:, :2]).all()


def test_with_low_zero_half_of_the_background_is_near_an_object(candidates):
    found = sampled(candidates, low=0.0)
    largest = overlaps(found.boxes, OBJECTS.corners).max(axis=1)
    background = largest[(found.labels == 0) & (found.weights > 0)]
    assert (background >= 0.1).sum() == len(background) // 2


def test_image_without_objects_is_all_background(candidates):
    found = sampled(candidates, NOTHING, low=0.0)
    assert found.weights.all() and not found.labels.any()


def test_candidates_without_area_are_left_out():
    flat = np.float32([[10, 10, 10, 50], [20, 20, 5, 50]])
    assert sampled(flat, NOTHING, low=0.0).weights.sum() == 0


def test_regions_around_an_object_have_overlaps_of_all_sizes():
    objects = Boxes.of([((200, 200, 260, 280), 0, False)] * 40)
    found = overlaps(regions_around(objects, (500, 500), np.random.default_rng(0)), objects.corners[:1])
    assert (np.histogram(found, [0.3, 0.5, 0.7, 0.9])[0] > 50).all()


def test_anchors_follow_the_definition_of_ren_et_al(candidates):
    found = overlaps(candidates, OBJECTS.corners)
    expected = (found.max(axis=1) >= 0.7) | (found == found.max(axis=0)).any(axis=1)
    targets = sample_anchors(candidates, OBJECTS, np.random.default_rng(0), count=400, most_objects=400)
    assert (targets.labels == expected).all()
    assert ((targets.weights > 0) == (expected | (found.max(axis=1) < 0.3))).all()


def test_object_that_no_anchor_overlaps_makes_no_anchor_an_object():
    far = Boxes.of([((500, 500, 510, 510), 0, False)])
    anchors = np.float32([[0, 0, 20, 20], [30, 30, 60, 60]])
    assert not sample_anchors(anchors, far, np.random.default_rng(0)).labels.any()


def test_number_of_anchors_is_limited(candidates):
    targets = sample_anchors(candidates, OBJECTS, np.random.default_rng(0), count=10, most_objects=1)
    assert targets.weights.sum() == 10 and targets.labels.sum() == 1


def test_normalised_offsets_have_mean_0_and_deviation_1_in_each_class(candidates):
    around = regions_around(OBJECTS, (100, 100), np.random.default_rng(2))
    regions = [sampled(around, count=200, foreground=1.0)]
    scale = offset_scale(regions, 3)
    found = scale.normalised(regions[0].offsets, regions[0].labels)
    for label in (1, 3):
        of_class = found[regions[0].labels == label]
        assert of_class.mean(axis=0) == pytest.approx(0, abs=1e-5)
        assert of_class.std(axis=0) == pytest.approx(1, abs=1e-5)


def test_class_without_regions_keeps_the_usual_deviations(candidates):
    scale = offset_scale([sampled(candidates)], 3)
    assert scale.deviations[1].tolist() == pytest.approx([0.1, 0.1, 0.2, 0.2])


def test_scale_reads_back_what_it_wrote(candidates):
    scale = offset_scale([sampled(candidates)], 3)
    again = OffsetScale.from_json(scale.to_json())
    assert (again.means == scale.means).all() and (again.deviations == scale.deviations).all()
