"""Checks of true poses and meshes by their values."""

import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.pose.scenes.true_values import checked_mesh, checked_poses

UPRIGHT, AWAY = np.eye(3)[None], np.array([[0.1, -0.2, 0.5]])


def test_poses_before_a_camera_are_taken():
    assert checked_poses("Those", UPRIGHT, AWAY) == (UPRIGHT, AWAY)


@pytest.mark.parametrize(
    ("rotation", "translation", "sentence"),
    [
        (1000 * UPRIGHT, AWAY, "no rotation"),
        (-UPRIGHT, AWAY, "no rotation"),
        (0 * UPRIGHT, AWAY, "no rotation"),
        (UPRIGHT, 1000 * AWAY, "z is 500; expected metres.*divide millimetres by 1000"),
        (UPRIGHT, -AWAY, "z is -0.5; expected metres"),
        (UPRIGHT, np.nan * AWAY, "expected metres"),
    ],
    ids=["scaled", "mirrored", "zeros", "millimetres", "behind the camera", "NaN"],
)
def test_poses_of_another_kind_or_unit_are_refused(rotation, translation, sentence):
    with pytest.raises(InputError, match=f"Those hold a .*{sentence}"):
        checked_poses("Those", rotation, translation)


@pytest.mark.parametrize("extent", [50.0, 0.00005])
def test_meshes_in_another_unit_are_refused(extent):
    vertices = np.array([[0, 0, 0], [extent, 0, 0], [0, extent / 2, 0]])
    with pytest.raises(InputError, match=r"object.ply is .* m large; expected the part in metres"):
        checked_mesh("object.ply", vertices, np.array([[0, 1, 2]]))
