"""Refined poses of a request: of an L whose poses are known, from depth alone, and what lacks in a request."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.pose.rendered_parts import CAMERA, EXTENT, depth_of, part, pose
from tfapp.pose.refinement.alternation import RefinedModel
from tfapp.pose.refinement.confidence import Evidences, confidence
from tfapp.pose.served.refined_network import refined_pose_network

pytestmark = pytest.mark.slow
SCENES = 6


def two_poses(seed):
    """Poses of two Ls side by side, the right one somewhat farther away."""
    (left, _), (right, _) = pose(seed), pose(100 + seed)
    return [(left, np.array([-0.033, 0.0, 0.5])), (right, np.array([0.033, 0.005, 0.51]))]


@pytest.fixture(scope="module")
def network():
    return refined_pose_network(RefinedModel(part(), EXTENT), CAMERA, (1, 2), 0.5)


@pytest.fixture(scope="module")
def scenes():
    """Poses, depth and labels from 1 of scenes."""
    poses = [two_poses(seed) for seed in range(SCENES)]
    depth, shown = zip(*map(depth_of, poses), strict=True)
    return poses, np.stack(depth), np.stack(shown) + 1


@pytest.fixture(scope="module")
def answer(network, scenes):
    return arrays(network(scenes[1], training=False))


def arrays(answer):
    return {alias: value.numpy() for alias, value in answer.items()}


def errors(answer, poses):
    """Angles in degrees and lengths in metres of the two instances, in the order of their columns, `(scenes, 2)`."""
    angles, lengths = np.zeros((len(poses), 2)), np.zeros((len(poses), 2))
    for scene, true in enumerate(poses):
        order = np.argsort(answer["translation"][scene, :, 0])
        found = Rotation.from_quat(answer["quaternion"][scene, order][:, [1, 2, 3, 0]])
        right = Rotation.from_matrix([rotation for rotation, _ in true])
        angles[scene] = np.degrees((found * right.inv()).magnitude())
        lengths[scene] = np.linalg.norm(
            answer["translation"][scene, order] - [place for _, place in true], axis=1
        )
    return angles, lengths


def test_poses_are_right_within_degrees_and_a_millimetre(answer, scenes):
    angles, lengths = errors(answer, scenes[0])
    assert answer["found"].all()
    assert np.median(angles) < 2 and np.median(lengths) < 0.001


def test_a_quaternion_has_length_one_and_a_real_part_that_is_not_negative(answer):
    np.testing.assert_allclose(np.linalg.norm(answer["quaternion"], axis=-1), 1, atol=1e-6)
    assert (answer["quaternion"][..., 0] >= 0).all()


def test_pixels_belong_to_the_instance_that_they_show(answer, scenes):
    _, depth, shown = scenes
    for scene in range(SCENES):
        order = np.argsort(np.argsort(answer["translation"][scene, :, 0])) + 1
        labels = np.where(depth[scene] > 0, np.concatenate([[0], order])[answer["labels"][scene]], 0)
        assert (labels == shown[scene]).mean() > 0.995
        assert not answer["labels"][scene][depth[scene] == 0].any()


def test_confidence_is_that_of_the_refinement_in_python(answer):
    numbers = [answer[name].ravel().astype(float) for name in ("residual", "shown", "margin")]
    np.testing.assert_allclose(
        answer["confidence"].ravel(), confidence(Evidences(*numbers), EXTENT), atol=1e-4
    )


def test_images_are_answered_in_order_whatever_their_neighbours_lack(network, answer, scenes):
    depth = scenes[1]
    single = depth_of(scenes[0][0][:1])[0]
    nothing = [np.full_like(single, empty) for empty in (0.0, np.nan, np.inf)]
    mixed = arrays(network(np.stack([depth[0], nothing[0], single, *nothing[1:], depth[1]]), training=False))
    for place, scene in ((0, 0), (5, 1)):
        for alias, value in answer.items():
            np.testing.assert_allclose(mixed[alias][place], value[scene], atol=1e-3)
    assert mixed["found"].sum(-1).tolist() == [2, 0, 1, 0, 0, 2]
    np.testing.assert_allclose(mixed["translation"][2][mixed["found"][2]], [scenes[0][0][0][1]], atol=0.001)


def test_what_is_not_found_has_the_numbers_that_are_documented(network, scenes):
    found = arrays(network(np.zeros_like(scenes[1][:1]), training=False))
    assert (found["quaternion"] == [1, 0, 0, 0]).all()
    assert not any(found[alias].any() for alias in ("translation", "shown", "margin", "confidence", "labels"))
    np.testing.assert_allclose(found["residual"], 2 * 0.12 * EXTENT, rtol=1e-6)
