"""What the graph of refined poses sees of a request, beside what SciPy says of the same depth."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import distance_transform_edt

from tests.pose.rendered_parts import CAMERA, depth_of, pose
from tfapp.pose.refinement.evidence import evidence_of
from tfapp.pose.served.drawn_points import scene_points
from tfapp.pose.served.explaining import worthwhile
from tfapp.pose.served.facing import spread_directions
from tfapp.pose.served.pictures import cleaned, nearest_shown, pictures_of, point_map

INTRINSICS = tf.constant(CAMERA.intrinsics, tf.float32)


@pytest.fixture(scope="module")
def depth():
    return depth_of([pose(0)])[0]


def test_depth_that_is_none_is_zero():
    given = np.float32([0.5, 0, -1, np.nan, np.inf, -np.inf, 2000])
    np.testing.assert_array_equal(cleaned(given), np.float32([0.5, 0, 0, 0, 0, 0, 0]))


def test_points_are_those_of_the_camera(depth):
    points = point_map(tf.constant(depth[None]), INTRINSICS)[0].numpy()
    np.testing.assert_allclose(points[depth > 0], CAMERA.back_project(depth)[0], atol=1e-7)


def test_nearest_pixel_is_that_of_scipy():
    shown = np.random.default_rng(0).random((3, 9, 14)) < 0.1
    away, place = (one.numpy() for one in nearest_shown(tf.constant(shown)))
    for found, at, mask in zip(away, place, shown, strict=True):
        np.testing.assert_allclose(found, distance_transform_edt(~mask), rtol=1e-6)
        # Of several at the same distance any is right.
        rows, columns = np.divmod(at, 14)
        assert mask[rows, columns].all()
        here = np.hypot(*(np.indices(mask.shape) - [rows, columns]))
        np.testing.assert_allclose(here, found, rtol=1e-6)


def test_pictures_are_the_evidence_of_the_refinement(depth):
    found, wanted = (
        pictures_of(tf.constant(depth[None]), tf.zeros((1, 64, 64), tf.bool), INTRINSICS),
        evidence_of(depth[None], [CAMERA]),
    )
    np.testing.assert_allclose(found.front, wanted.front, atol=1e-6)
    np.testing.assert_allclose(found.gap, wanted.gap, atol=1e-6)


def test_an_unknown_pixel_says_nothing_and_an_empty_image_has_no_nan(depth):
    pictures = pictures_of(tf.zeros((1, 64, 64)), tf.ones((1, 64, 64), tf.bool), INTRINSICS)
    assert all(np.isfinite(one).all() for one in pictures)
    assert not np.any(pictures.gap) and not np.any(pictures.behind)


def test_points_of_a_scene_are_scattered_and_none_is_drawn_twice(depth):
    points = tf.reshape(point_map(tf.constant(depth[None]), INTRINSICS), (1, -1, 3))
    measured = int(np.count_nonzero(depth))
    drawn, there = (one.numpy()[0] for one in scene_points(points, measured + 5))
    assert there.sum() == measured and not drawn[~there].any()
    assert len(np.unique(drawn[there], axis=0)) == measured


def test_directions_lie_some_14_degrees_apart_on_the_sphere():
    directions = spread_directions(256)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1)
    cosines = directions @ directions.T - 2 * np.eye(256)
    nearest = np.degrees(np.arccos(cosines.max(1)))
    assert nearest.min() > 8 and nearest.max() < 16


@pytest.mark.parametrize(
    ("opened", "least", "counted"),
    [
        (
            [100, 90, 30, 80],
            1,
            [True, True, False, False],
        ),  # 30 < .35 * median(100, 90); what follows is none either
        ([100, 90, 34, 12], 1, [True, True, True, False]),
        ([100, 9, 1, 1], 2, [True, True, False, False]),
        ([100, 9, 1, 1], 4, [True] * 4),
    ],
)
def test_a_further_instance_must_explain_a_third_of_what_the_others_do(opened, least, counted):
    assert worthwhile(tf.constant([opened], tf.float32), least).numpy().tolist() == [counted]
