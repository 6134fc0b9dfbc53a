"""Scenes turned about the optical axis."""

import numpy as np
from scipy.spatial import cKDTree

from tests.pose.posed_scenes import CAMERA, squares
from tfapp.pose.observations import Observations
from tfapp.pose.training import SceneBatches, turned

DEPTH, POINTS = squares(3)
ANGLES = np.array([0.3, 2.0, -1.2])


def test_no_angle_changes_nothing():
    depth, points = turned(DEPTH, POINTS, np.zeros(3), CAMERA)
    np.testing.assert_array_equal(depth, DEPTH)
    np.testing.assert_array_equal(points, POINTS)


def test_quarter_turn_of_a_square_picture_moves_whole_pixels():
    depth, _ = turned(DEPTH, POINTS, np.full(3, np.pi / 2), CAMERA)
    # From x, to the right, towards y, downwards.
    np.testing.assert_array_equal(depth, np.rot90(DEPTH, -1, axes=(1, 2)))


def test_points_lie_on_what_the_turned_picture_shows():
    depth, points = turned(DEPTH, POINTS, ANGLES, CAMERA)
    for scene in range(3):
        shown, _ = CAMERA.back_project(depth[scene])
        # The diagonal of a pixel, and as much again for the pixel that was the nearest.
        pixel = 2 * np.sqrt(2) * DEPTH[scene].max() / CAMERA.fx
        assert cKDTree(shown).query(points[scene])[0].max() < pixel


def test_points_keep_their_depth_and_turn_by_the_angle():
    _, points = turned(DEPTH, POINTS, ANGLES, CAMERA)
    np.testing.assert_array_equal(points[..., 2], POINTS[..., 2])
    before, after = (cloud[..., 0] + 1j * cloud[..., 1] for cloud in (POINTS, points))
    np.testing.assert_allclose(after, before * np.exp(1j * ANGLES)[:, None], atol=1e-6)


def test_every_epoch_turns_by_other_angles_and_a_resumed_one_by_the_same():
    scenes = Observations(np.arange(3), DEPTH, POINTS, np.zeros((*POINTS.shape[:2], 2), int))
    batches = SceneBatches(scenes, 3, seed=4, camera=CAMERA)
    first = batches[0][1]
    batches.on_epoch_end()
    second = batches[0][1]
    assert not np.allclose(np.sort(first, 0), np.sort(second, 0))
    resumed = SceneBatches(scenes, 3, seed=4, first_epoch=1, camera=CAMERA)[0]
    np.testing.assert_array_equal(resumed[1], second)
