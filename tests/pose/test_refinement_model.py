"""Object models that are fused from what instances show."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from tests.pose.rendered_parts import CAMERA, EXTENT, part, pose, scenes_of
from tfapp.pose.refinement import candidates
from tfapp.pose.refinement.evidence import evidence_of, noise_of
from tfapp.pose.refinement.fusion import contradiction, fused_model, voxel_means


@pytest.fixture(scope="module")
def placed():
    scenes = scenes_of([[pose(seed)] for seed in range(12)])
    scenes.residual[:] = 0.001 * np.arange(12)[:, None]
    return scenes


def test_points_of_one_voxel_become_their_mean():
    cloud = np.array([[0.1, 0.1, 0.1], [0.3, 0.1, 0.1], [1.5, 0.0, 0.0]])
    np.testing.assert_allclose(sorted(voxel_means([cloud[:1], cloud[1:]], 1.0).tolist())[0], [0.2, 0.1, 0.1])


def test_voxels_with_few_points_are_left_out():
    often = np.repeat(np.arange(20.0)[:, None], 3, axis=1)
    cloud = np.concatenate([often, often + 0.2, [[50.0, 0, 0]]])
    assert len(voxel_means([cloud], 1.0, least=2)) == 20


def test_of_clouds_so_thin_that_hardly_any_voxel_has_two_points_all_count():
    cloud = np.repeat(np.arange(20.0)[:, None], 3, axis=1)
    assert len(voxel_means([cloud, cloud[:1] + 0.2], 1.0, least=2)) == 20


def test_a_model_fused_at_true_poses_lies_on_the_part(placed):
    points = fused_model(placed, EXTENT, share=1.0)
    assert cKDTree(part(0.0005)).query(points)[0].mean() < 0.0005


def test_only_the_share_with_the_smallest_residuals_is_fused(placed):
    some = fused_model(placed, EXTENT, share=0.25, least=1)
    first = np.concatenate([placed.local(scene, 0, placed.points[scene]) for scene in range(3)])
    assert cKDTree(first).query(some)[0].max() < 0.03 * EXTENT * np.sqrt(3)


def test_every_instance_contradicts_a_point_in_front_of_the_part_and_none_one_on_it(placed):
    scene = placed.select([0])
    scene.rotation, scene.translation = placed.rotation[:1], placed.translation[:1]
    own = placed.local(0, 0, placed.points[0])
    in_front = placed.local(0, 0, placed.points[0] * 0.97)
    instances = scene.instances()
    assert contradiction(scene, instances, own, EXTENT).max() == 0
    assert contradiction(scene, instances, in_front, EXTENT).min() == 1


def test_points_go_to_the_instance_whose_model_is_nearest():
    rotation, translation = pose(0)
    scenes = scenes_of([[(rotation, translation - [0.03, 0, 0]), (rotation, translation + [0.03, 0, 0])]])
    true = scenes.labels[0].copy()
    scenes.labels = [1 - true]
    assert scenes.divide(part()) == 1.0
    np.testing.assert_array_equal(scenes.labels[0], true)


def test_half_turns_undo_themselves():
    turns = candidates.half_turns(part())
    np.testing.assert_allclose(turns @ turns, np.tile(np.eye(3), (4, 1, 1)), atol=1e-12)


def test_a_turned_pose_keeps_the_centre_where_it_is():
    rotation, translation = pose(0)
    centre = np.array([0.01, 0.02, -0.01])
    rotations, translations = candidates.turned(rotation, translation, candidates.random_turns(5, 0), centre)
    expected = np.tile(rotation @ centre + translation, (5, 1))
    np.testing.assert_allclose(rotations @ centre + translations, expected, atol=1e-12)


def test_no_rotation_is_far_from_the_sphere_of_candidates():
    asked, tried = candidates.random_turns(200, 1), candidates.sphere()
    cosines = (np.einsum("aij,bij->ab", asked, tried) - 1) / 2
    assert np.degrees(np.arccos(cosines.max(1))).max() < 44.6


def test_the_side_that_faces_the_camera_is_laid_onto_what_is_seen():
    rotation, translation = pose(2)
    scenes = scenes_of([[(rotation, translation)]])
    source = candidates.everywhere(part(0.002), rotation[None])
    _, found = source(scenes.instances())
    assert np.linalg.norm(found[0, 0] - translation) < EXTENT / 2


def test_noise_is_the_spread_of_pixels_about_their_neighbours():
    rng = np.random.default_rng(0)
    rows, columns = np.ogrid[:80, :80]
    plane = 0.5 + 0.001 * rows + 0.002 * columns
    depth = np.where((rows > 5) & (columns > 5), plane + rng.normal(0, 0.0007, (80, 80)), 0)
    assert abs(noise_of(depth) / 0.0007 - 1) < 0.05
    assert noise_of(np.zeros((8, 8))) == 0


def test_what_stands_beside_the_silhouette_is_contradicted_only_in_front_of_what_was_measured():
    scenes = scenes_of([[pose(0)]])
    parts = np.where(scenes.evidence.front[0] > 0, 0.5, 0).astype(np.float32)
    moved = scenes.points[0] + [0.05, 0, 0]
    for behind, contradicted in ((1.0, True), (0.3, False)):
        seen = np.where(parts > 0, 0, behind).astype(np.float32)
        scenes.evidence = evidence_of(parts[None], [CAMERA], (parts + seen)[None])
        local = scenes.local(0, 0, moved)
        assert (contradiction(scenes, scenes.instances(), local, EXTENT).mean() > 0.5) == contradicted
