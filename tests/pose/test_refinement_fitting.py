"""Registration of an object model to what is seen of an instance."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from tests.pose.rendered_parts import CAMERA, EXTENT, part, pose, scenes_of
from tfapp.pose.refinement import fitting
from tfapp.pose.refinement.evidence import evidence_of
from tfapp.pose.refinement.nearest_field import NearestField, extent_of
from tfapp.pose.refinement.placement import model_of, normals_of, observed_in
from tfapp.pose.scenes.camera import Camera


@pytest.fixture(scope="module")
def scene():
    return scenes_of([[pose(3)]])


@pytest.fixture(scope="module")
def model():
    return model_of(part(0.0015), EXTENT, radius=0.0015)


def observed(scenes):
    points = scenes.points[0][None]
    return observed_in(scenes, [0], points, np.ones(points.shape[:2]))


def residual_of(scenes, model, rotation, translation):
    poses = (tf.constant(one[None, None], tf.float32) for one in (rotation, translation))
    return 1000 * float(fitting.residual(observed(scenes), model, *poses).total[0, 0])


def test_kabsch_is_the_rotation_that_scipy_finds():
    rng = np.random.default_rng(0)
    source, target, weights = rng.normal(size=(9, 3)), rng.normal(size=(9, 3)), rng.random(9)
    rotation, translation = fitting.kabsch(
        *(tf.constant(one, tf.float64) for one in (source, target, weights))
    )
    centres = [np.average(one, axis=0, weights=weights) for one in (source, target)]
    expected = Rotation.align_vectors(target - centres[1], source - centres[0], weights=weights)[
        0
    ].as_matrix()
    np.testing.assert_allclose(rotation, expected, atol=1e-9)
    np.testing.assert_allclose(translation, centres[1] - expected @ centres[0], atol=1e-9)


def test_a_field_gives_a_point_as_near_as_the_nearest_but_for_a_voxel():
    points, field = part(0.003), NearestField.of(part(0.003))
    asked = np.random.default_rng(0).uniform(points.min(0), points.max(0), (200, 3))
    cells = np.floor((asked - field.origin) / field.voxel).astype(int)
    found = field.points[field.index[np.ravel_multi_index(cells.T, field.shape)]]
    excess = np.linalg.norm(asked - found, axis=1) - cKDTree(points).query(asked)[0]
    assert excess.max() < np.sqrt(3) * field.voxel


def test_the_extent_is_that_along_the_longest_axis_however_it_is_turned():
    turned = part() @ pose(1)[0].T
    assert extent_of(turned) == pytest.approx(extent_of(part()), rel=1e-9)


def test_normals_of_a_plane_are_perpendicular_to_it():
    grid = np.stack(np.meshgrid(range(6), range(6), [0.0]), -1).reshape(-1, 3).astype(float)
    np.testing.assert_allclose(np.abs(normals_of(grid)), np.tile([0, 0, 1.0], (36, 1)), atol=1e-9)


def test_the_true_pose_has_a_residual_of_a_fraction_of_a_pixel(scene, model):
    # A pixel is 2.1 mm wide there.
    assert residual_of(scene, model, scene.rotation[0, 0], scene.translation[0, 0]) < 0.2


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_half_turn_has_a_larger_residual(scene, model, axis):
    turn = Rotation.from_rotvec(np.pi * np.eye(3)[axis]).as_matrix()
    true = residual_of(scene, model, scene.rotation[0, 0], scene.translation[0, 0])
    assert residual_of(scene, model, scene.rotation[0, 0] @ turn, scene.translation[0, 0]) > 5 * true


def test_a_model_beside_the_silhouette_is_a_violation_though_no_point_is_far(scene, model):
    few = scenes_of([[pose(3)]])
    few.points = [few.points[0][:5]]
    here, there = (
        residual_of(few, model, few.rotation[0, 0] @ turn, few.translation[0, 0])
        for turn in (np.eye(3), Rotation.from_rotvec([0, 0, np.pi / 2]).as_matrix())
    )
    assert there > here + 1


def test_steps_lead_back_to_the_true_pose(scene, model):
    rotation, translation = scene.rotation[0, 0], scene.translation[0, 0]
    off = rotation @ Rotation.from_rotvec(np.radians([4.0, -6.0, 5.0])).as_matrix()
    poses = (off[None, None], (translation + [0.002, -0.001, 0.003])[None, None])
    seen, poses = observed(scene), [tf.constant(one, tf.float32) for one in poses]
    poses = fitting.refine(seen, model, *poses, 10)
    found, _ = fitting.refine(seen, model, *poses, 10, fitting.FINE)
    assert np.degrees(Rotation.from_matrix(rotation.T @ found[0, 0].numpy()).magnitude()) < 1


def test_what_is_not_measured_contradicts_nothing():
    depth = np.zeros((1, CAMERA.height, CAMERA.width), np.float32)
    depth[0, 20:30, 20:30] = 0.5
    measured = depth > 0
    measured[:, :, 40:] = True
    gap = evidence_of(depth, [CAMERA], measured).gap[0]
    assert not gap[:, 30:40].any() and gap[25, 45] == pytest.approx(15 * 0.5 / CAMERA.fx, rel=1e-5)


def test_every_scene_is_looked_at_by_its_own_camera(model):
    # The second one's picture is shifted and larger: by the first one's intrinsics its part would stand elsewhere.
    own = Camera(64, 64, 300.0, 290.0, 20.0, 40.0)
    scenes, poses = scenes_of([[pose(3)], [pose(3)]], [CAMERA, own]), pose(3)
    placed = [tf.constant(np.stack([one, one])[:, None], tf.float32) for one in poses]
    for camera, low, high in ((own, 0, 0.5), (CAMERA, 2, np.inf)):
        scenes.intrinsics[1] = camera.intrinsics
        points = np.stack([points[:50] for points in scenes.points])
        seen = observed_in(scenes, [0, 1], points, np.ones(points.shape[:2]))
        first, second = 1000 * fitting.residual(seen, model, *placed).violation.numpy()[:, 0]
        assert first < 0.5 and low <= second < high


def test_the_pixel_beside_a_part_is_no_gap():
    depth = np.zeros((1, CAMERA.height, CAMERA.width), np.float32)
    depth[0, 20:30, 20:30] = 0.5
    gap = evidence_of(depth, [CAMERA]).gap[0]
    assert gap[25, 30] == 0 and gap[25, 31] == pytest.approx(0.5 / CAMERA.fx)


def test_plane_steps_find_a_pose_nearby_wherever_the_frame_of_the_model_lies():
    far = np.array([0.3, -0.2, 0.5])
    rotation, translation = pose(3)
    scenes = scenes_of([[(rotation, translation)]])
    model = model_of(part() + far, EXTENT, 0.001)
    points = scenes.points[0][None]
    observed = observed_in(scenes, [0], points, np.ones(points.shape[:2]))
    turned = Rotation.from_rotvec([0.08, -0.05, 0.06]).as_matrix() @ rotation
    at = rotation @ part().mean(0) + translation + [0.002, -0.001, 0.002] - turned @ (part().mean(0) + far)
    start = (tf.constant(one[None, None], tf.float32) for one in (turned, at))
    found, place = (one.numpy()[0, 0] for one in fitting.settle(observed, model, *start, 15))
    angle = np.degrees(np.arccos(np.clip((np.trace(found @ rotation.T) - 1) / 2, -1, 1)))
    assert angle < 0.5
    np.testing.assert_allclose(place + found @ far, translation, atol=0.0005)
