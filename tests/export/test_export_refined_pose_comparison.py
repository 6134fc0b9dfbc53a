"""How answers of refined poses are compared with the expected ones."""

import numpy as np
import pytest

from tfapp.export.comparisons import compare_refined_poses
from tfapp.export.requests import Request

TOLERANCE = 1e-3
EXPECTED = {
    "quaternion": np.full((2, 3, 4), 0.5, np.float32),
    "translation": np.zeros((2, 3, 3), np.float32),
    "reflected": np.zeros((2, 3), bool),
    "found": np.ones((2, 3), bool),
    **{alias: np.full((2, 3), 0.5, np.float32) for alias in ("residual", "shown", "margin", "confidence")},
    "labels": np.repeat(np.uint8([1, 2]), 200).reshape(2, 10, 20),
    "decided": np.array([[True] * 3, [True, True, False]]),
}


def compared(**outputs):
    poses = {alias: value for alias, value in EXPECTED.items() if alias != "decided"}
    return compare_refined_poses(Request("s", {}, EXPECTED), {**poses, **outputs}, TOLERANCE)


def moved(alias, place, by):
    value = EXPECTED[alias].copy()
    value[place] += np.float32(by)
    return {alias: value}


def test_equal_answers_have_no_failure():
    assert compared() == (0.0, 1.0, None)


@pytest.mark.parametrize("alias", ["quaternion", "shown", "confidence"])
def test_a_number_beyond_the_tolerance_fails(alias):
    assert compared(**moved(alias, (0, 0), 0.0009))[2] is None
    assert f"`{alias}` expected within 0.001" in compared(**moved(alias, (0, 0), 0.002))[2]


@pytest.mark.parametrize("alias", ["translation", "residual", "margin"])
def test_lengths_are_compared_to_a_tenth_of_a_millimetre(alias):
    assert compared(**moved(alias, (1, 1), 0.00009))[2] is None
    assert f"`{alias}` expected within 0.0001" in compared(**moved(alias, (1, 1), 0.0002))[2]


def test_nan_fails():
    assert "got a difference of nan" in compared(**moved("residual", (0, 2), "nan"))[2]


def test_an_instance_that_is_not_decided_is_left_out():
    assert compared(**moved("quaternion", (1, 2), 0.5))[2] is None


def test_another_instance_that_is_found_fails():
    found = EXPECTED["found"].copy()
    found[0, 1] = False
    assert compared(found=found)[2] == "`found` expected to be equal, got 1 different ones"


def test_one_pixel_of_a_hundred_may_have_another_label_and_two_may_not():
    labels = EXPECTED["labels"].copy()
    labels[0, 0, :2] = 3
    assert compared(labels=labels)[1:] == (0.99, None)
    labels[0, 0, :4] = 3
    assert compared(labels=labels)[2] == "`labels` expected equal at 99% of the pixels of parts, got 98.0%"
