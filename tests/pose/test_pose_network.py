"""What the pose network sees."""

import keras
import numpy as np

from tests.pose.posed_scenes import CAMERA, SETTINGS, squares
from tfapp.pose.model.pose_network import Centroids, PointMap


def point_map(size=32):
    return PointMap(SETTINGS["camera"], SETTINGS["centre"], SETTINGS["unit"], size)


def test_points_of_the_map_are_those_of_the_camera():
    depth, _ = squares(3)
    found = np.asarray(point_map()(depth))
    for scene in range(3):
        points, pixels = CAMERA.back_project(depth[scene])
        expected = (points - np.array(SETTINGS["centre"])) / SETTINGS["unit"]
        np.testing.assert_allclose(found[scene][tuple(pixels.T)][:, :3], expected, atol=1e-5)


def test_places_without_a_point_are_zero_and_unmarked():
    depth, _ = squares(1)
    depth[0, 0, :3] = [np.nan, np.inf, -1.0]
    found = np.asarray(point_map()(depth))[0]
    empty = ~(np.isfinite(depth[0]) & (depth[0] > 0))
    assert np.all(found[empty] == 0) and np.all(found[~empty][:, 3] == 1)


def test_smaller_map_holds_points_of_the_larger_one():
    depth, _ = squares(2)
    large, small = (np.asarray(point_map(size)(depth)) for size in (32, 16))
    np.testing.assert_array_equal(small, large[:, 1::2, 1::2])


def test_centroids_are_those_of_the_squares_from_left_to_right():
    depth, _ = squares(4)
    mapped = point_map()(depth)
    found = np.asarray(Centroids(2)(mapped))
    for scene in range(4):
        columns = np.nonzero(depth[scene])[1]
        points = np.asarray(mapped)[scene][depth[scene] > 0][:, :3]
        left = columns < 15
        np.testing.assert_allclose(found[scene], [points[left].mean(0), points[~left].mean(0)], atol=1e-5)


def test_centroids_of_nothing_are_finite():
    assert np.all(np.isfinite(Centroids(3)(keras.ops.zeros((2, 8, 8, 4)))))
