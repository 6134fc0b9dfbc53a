"""Noisy clouds that are thinned to the surface that they show."""

import numpy as np
import pytest

from tests.pose.rendered_parts import EXTENT, part, pose, scenes_of
from tfapp.pose.refinement.fusion import fused_model, voxel_means
from tfapp.pose.refinement.thinning import thinned

RADIUS, NOISE = 0.02, 0.001


def sphere(count, seed):
    directions = np.random.default_rng(seed).normal(size=(count, 3))
    return RADIUS * directions / np.linalg.norm(directions, axis=1, keepdims=True)


def noisy(cloud, seed=1):
    return cloud + np.random.default_rng(seed).normal(scale=NOISE, size=cloud.shape)


def off_the_sphere(points):
    return np.abs(np.linalg.norm(points, axis=1) - RADIUS)


@pytest.fixture(scope="module")
def cloud():
    return noisy(sphere(40_000, 0))


def test_points_of_a_noisy_sphere_come_to_lie_on_it(cloud):
    points = voxel_means([cloud], 0.0015, 2)
    assert np.median(off_the_sphere(points)) > 0.0007
    assert np.median(off_the_sphere(thinned(points, cloud, NOISE))) < 0.0002


def test_a_thinned_sphere_has_no_holes(cloud):
    points = thinned(voxel_means([cloud], 0.0015, 2), cloud, NOISE)
    away = np.linalg.norm(sphere(500, 2)[:, None] - points, axis=2).min(1)
    assert away.max() < 0.003


def test_points_far_from_the_surface_are_left_out(cloud):
    beside = np.array([[1.3 * RADIUS, 0, 0], [0, 0, 0], [10.0, 0, 0]])
    points = thinned(np.concatenate([sphere(200, 3), beside]), cloud, NOISE)
    assert off_the_sphere(points).max() < 0.0015


@pytest.mark.parametrize("noise", [0.0, NOISE])
def test_only_models_of_noisy_scenes_are_thinned(noise):
    scenes = scenes_of([[pose(seed)] for seed in range(12)])
    scenes.points = [noisy(points, seed) for seed, points in enumerate(scenes.points)]
    scenes.residual[:] = 0.001
    thick = fused_model(scenes, EXTENT, share=1.0)
    found = fused_model(scenes, EXTENT, share=1.0, noise=noise)
    if not noise:
        np.testing.assert_array_equal(found, thick)
        return
    surface = part(0.0005)
    away = [np.median(np.linalg.norm(one[:, None] - surface, axis=2).min(1)) for one in (found, thick)]
    assert away[0] < away[1]
