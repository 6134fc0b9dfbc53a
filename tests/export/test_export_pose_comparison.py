import numpy as np
import pytest

from tfapp.export.comparisons import compare_poses
from tfapp.export.requests import Request

TOLERANCE = 1e-5
EXPECTED = {
    "quaternion": np.full((2, 3, 4), 0.5, np.float32),
    "translation": np.zeros((2, 3, 3), np.float32),
    "reflected": np.zeros((2, 3), bool),
    "found": np.ones((2, 3), bool),
    "decided": np.array([True, False]),
}


def compared(decided=(True, False), **outputs):
    expected = {**EXPECTED, "decided": np.array(decided)}
    poses = {alias: value for alias, value in EXPECTED.items() if alias != "decided"}
    return compare_poses(Request("s", {}, expected), {**poses, **outputs}, TOLERANCE)


def moved(alias, scene, by):
    value = EXPECTED[alias].copy()
    value[scene] += by
    return {alias: value}


def test_equal_poses_have_no_failure():
    assert compared() == (0.0, None, None)


@pytest.mark.parametrize("alias", ["quaternion", "translation"])
def test_number_beyond_the_tolerance_fails(alias):
    difference, _, failure = compared(**moved(alias, 0, np.float32(0.001)))
    assert difference == pytest.approx(0.001, rel=1e-4)
    assert failure == f"`{alias}` expected within 1e-05, got a difference of 0.001"


def test_scene_that_should_have_no_pose_fails_even_where_nothing_is_decided():
    found = np.array([[True] * 3, [False] * 3])
    assert compared((False, False), found=found)[2].startswith("`found` differs")


def test_nan_fails():
    assert "got a difference of nan" in compared(**moved("translation", 0, np.float32("nan")))[2]


def test_one_other_reflection_fails():
    reflected = EXPECTED["reflected"].copy()
    reflected[0, 1] = True
    assert compared(reflected=reflected)[2] == "`reflected` expected to be equal, got 1 different ones"


def test_scene_whose_alternatives_tie_may_have_another_pose():
    assert compared(
        **moved("quaternion", 1, np.float32(0.1)), reflected=np.array([[False] * 3, [True] * 3])
    ) == (
        0.0,
        None,
        None,
    )


def test_nothing_is_said_to_be_equal_where_all_tie():
    assert compared(decided=(False, False)) == (None, None, None)


def test_other_shape_dtype_or_alias_fails():
    assert (
        "`reflected` expected bool (2, 3), got float32" in compared(reflected=np.zeros((2, 3), np.float32))[2]
    )
    assert "got float32 (1, 3, 4)" in compared(quaternion=EXPECTED["quaternion"][:1])[2]
