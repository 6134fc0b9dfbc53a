"""Selective search of OpenCV: which boxes it gives, and that they are the same each time."""

import sys
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from tfapp.detection.geometry import overlaps
from tfapp.detection.proposals.selective_search import corners_of_rectangles, ranked, selective_search
from tfapp.errors import InputError


@pytest.fixture(scope="module")
def picture():
    """A red and a blue rectangle on noisy grey, 90 x 120."""
    image = np.full((90, 120, 3), 0.5, np.float32)
    image[10:40, 20:70] = (0.9, 0.1, 0.1)
    image[50:80, 60:100] = (0.1, 0.1, 0.9)
    noise = np.random.default_rng(0).normal(0, 0.01, image.shape)
    return np.clip(image + noise, 0, 1).astype(np.float32)


def test_objects_of_one_colour_are_found(picture):
    objects = np.array([[10, 20, 40, 70], [50, 60, 80, 100]], np.float32)
    assert (overlaps(objects, selective_search(picture)).max(axis=1) > 0.85).all()


def test_boxes_are_inside_and_distinct(picture):
    boxes = selective_search(picture, min_side=1)
    assert boxes.dtype == np.float32 and (boxes >= 0).all() and (boxes <= (90, 120, 90, 120)).all()
    assert len(np.unique(boxes, axis=0)) == len(boxes) > 3


def test_least_side_leaves_out_the_boxes_below_it(picture):
    every, some = (selective_search(picture, min_side=side) for side in (1, 30))
    sides = some[:, 2:] - some[:, :2]
    assert sides.min() >= 30 and len(some) < len(every)


def test_most_are_the_first_of_the_order(picture):
    np.testing.assert_array_equal(
        selective_search(picture, min_side=1, most=3), selective_search(picture, min_side=1)[:3]
    )


def test_same_image_gives_the_same_boxes_in_the_same_order_in_any_number_of_threads(picture):
    expected = selective_search(picture, min_side=1)
    before = cv2.getNumThreads()
    try:
        for threads in (1, 3):
            cv2.setNumThreads(threads)
            with ThreadPoolExecutor(3) as pool:
                for boxes in pool.map(lambda _: selective_search(picture, min_side=1), range(3)):
                    np.testing.assert_array_equal(boxes, expected)
    finally:
        cv2.setNumThreads(before)


def test_quality_finds_more_than_fast(picture):
    fast, quality = (selective_search(picture, mode, min_side=1) for mode in ("fast", "quality"))
    assert len(quality) > len(fast)


def test_channels_are_handed_over_in_the_order_of_opencv(picture, monkeypatch):
    class Search:
        def setBaseImage(self, image):
            np.testing.assert_array_equal(image[..., ::-1], np.rint(picture * 255).astype(np.uint8))

        def switchToSelectiveSearchFast(self):
            pass

        def process(self):
            return np.array([[1, 2, 30, 40]])

    monkeypatch.setattr(cv2.ximgproc.segmentation, "createSelectiveSearchSegmentation", Search)
    np.testing.assert_array_equal(selective_search(picture), [[2, 1, 42, 31]])


def test_boxes_of_a_reduced_image_are_those_of_the_whole_one(picture):
    large = picture.repeat(4, axis=0).repeat(4, axis=1)
    boxes = selective_search(large, longest_side=120)
    assert (
        overlaps(np.array([[40, 80, 160, 280], [200, 240, 320, 400]], np.float32), boxes).max(axis=1) > 0.85
    ).all()


def test_rectangles_of_a_reduced_image_are_stretched_by_each_side():
    np.testing.assert_array_equal(
        corners_of_rectangles([[2, 3, 4, 5]], (10, 20), (30, 100)), [[9, 10, 24, 30]]
    )


def test_rank_depends_on_the_boxes_and_not_on_their_order():
    boxes = np.random.default_rng(0).integers(0, 50, (40, 4)).astype(np.float32)
    boxes[:, 2:] += boxes[:, :2] + 1
    np.testing.assert_array_equal(ranked(boxes), ranked(np.concatenate([boxes[::-1], boxes[:5]])))


def test_large_boxes_tend_to_be_first():
    sides = np.arange(1, 201, dtype=np.float32)
    found = ranked(np.stack([0 * sides, 0 * sides, sides, sides], axis=1))[:, 2]
    assert found[:50].mean() > found[-50:].mean() + 50


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (5, 5)])
def test_tiny_image_gives_what_there_is(shape):
    boxes = selective_search(np.full((*shape, 3), 0.5, np.float32), min_side=1)
    np.testing.assert_array_equal(boxes, [[0, 0, *shape]])


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ({"mode": "slow"}, "`mode` must be fast or quality; got 'slow'"),
        ({"min_side": 0}, "`min_side` must be at least 1; got 0"),
        ({"most": 0}, "`most` must be at least 1"),
        ({"longest_side": 0}, "`longest_side` must be at least 1"),
    ],
)
def test_settings_out_of_range_are_one_sentence(picture, setting, sentence):
    with pytest.raises(InputError, match=sentence):
        selective_search(picture, **setting)


def test_missing_opencv_says_what_to_install(picture, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(InputError, match=r'not installed: pip install "tfapp\[detection\]"'):
        selective_search(picture)


def test_opencv_without_contributed_modules_says_what_to_install(picture, monkeypatch):
    monkeypatch.delattr(cv2, "ximgproc")
    with pytest.raises(
        InputError, match=r'without its contributed modules.*pip install "tfapp\[detection\]"'
    ):
        selective_search(picture)
