"""Best constant frame: true ones are found again, whatever a minority of the poses says."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tfapp.pose.evaluation.best_frame import best_frame
from tfapp.pose.evaluation.frames import ModelFrame
from tfapp.pose.evaluation.pose_errors import part_poses
from tfapp.pose.evaluation.symmetries import Symmetries

NONE = Symmetries.of([])
SIXTHS = Symmetries.of(Rotation.from_rotvec(np.pi / 3 * np.arange(6)[:, None] * [0, 0, 1]).as_matrix())
AXIS = Symmetries.of({"axis": [0, 0, 1]})


def frame(reflected=False):
    return ModelFrame(
        Rotation.from_rotvec([0.4, -1.9, 1.1]).as_matrix(), np.array([0.01, -0.02, 0.005]), reflected
    )


def scenes(true_frame, symmetries=NONE, noise=0.0, wrong=0.0, count=60, seed=0):
    """Return poses of a learned model that lies in a frame, and the true poses; a share of them end for end."""
    rng = np.random.default_rng(seed)
    rotation = Rotation.random(count, random_state=seed).as_matrix()
    translation = rng.normal(0, 0.05, (count, 3)) + [0, 0, 0.5]
    chosen = symmetries.matrices[rng.integers(len(symmetries.matrices), size=count)]
    off = Rotation.from_rotvec(rng.normal(0, noise, (count, 3))).as_matrix()
    flip = np.where(rng.random((count, 1, 1)) < wrong, np.diag([1.0, -1.0, -1.0]), np.eye(3))
    part = rotation @ chosen @ flip @ off
    # p = Q y + u with y = s R x + t.
    learned = part @ true_frame.rotation
    moved = translation + part @ true_frame.translation + 0.05 * noise * rng.exponential(size=(count, 3)) ** 2
    reflected = np.full(count, true_frame.reflected)
    halves = [slice(0, count // 2), slice(count // 2, count)]
    poses = [(learned[half], moved[half], reflected[half]) for half in halves]
    return poses, [(rotation[half], translation[half]) for half in halves]


def mean_errors(found, poses, true, symmetries):
    estimated = [part_poses(*one, found) for one in poses]
    angles = [
        symmetries.rotation_error(ours, right) for (ours, _), (right, _) in zip(estimated, true, strict=True)
    ]
    lengths = [np.linalg.norm(a - b, axis=1) for (_, a), (_, b) in zip(estimated, true, strict=True)]
    return np.concatenate(angles).mean(), np.concatenate(lengths).mean()


@pytest.mark.parametrize("reflected", [False, True])
def test_a_frame_without_noise_is_found_exactly(reflected):
    expected = frame(reflected)
    found = best_frame(*scenes(expected), NONE)
    assert found.reflected == reflected
    np.testing.assert_allclose(found.rotation, expected.rotation, atol=1e-6)
    np.testing.assert_allclose(found.translation, expected.translation, atol=1e-6)


@pytest.mark.parametrize("symmetries", [SIXTHS, AXIS], ids=["sixths", "axis"])
def test_poses_in_any_symmetry_have_no_error_in_the_frame_found(symmetries):
    poses, true = scenes(frame(), SIXTHS)
    angle, length = mean_errors(best_frame(poses, true, symmetries), poses, true, symmetries)
    assert angle < 1e-3 and length < 1e-5


def test_a_third_of_the_poses_end_for_end_does_not_pull_it_off():
    found = best_frame(*scenes(frame(), noise=0.1, wrong=0.33, count=200), NONE)
    assert np.degrees(Rotation.from_matrix(found.rotation.T @ frame().rotation).magnitude()) < 3


def test_no_frame_nearby_has_smaller_mean_errors():
    poses, true = scenes(frame(), noise=0.3, wrong=0.2, count=100)
    found = best_frame(poses, true, NONE)
    angle, length = mean_errors(found, poses, true, NONE)
    rng = np.random.default_rng(0)
    for _ in range(30):
        turned = Rotation.from_rotvec(rng.normal(0, 0.01, 3)).as_matrix() @ found.rotation
        assert mean_errors(ModelFrame(turned, found.translation, False), poses, true, NONE)[0] > angle
        moved = found.translation + rng.normal(0, 0.0003, 3)
        assert mean_errors(ModelFrame(found.rotation, moved, False), poses, true, NONE)[1] > length


def test_frames_that_differ_by_a_symmetry_are_the_same():
    first = frame()
    turned = SIXTHS.matrices[2]
    second = ModelFrame(turned @ first.rotation, turned @ first.translation, False)
    mirrored = ModelFrame(first.rotation, first.translation, True)
    angles, lengths = first.differences([second, mirrored], SIXTHS)
    np.testing.assert_allclose(angles, [0, np.nan], atol=1e-6)
    assert lengths[0] == pytest.approx(0, abs=1e-12)
    angles, _ = mirrored.differences([ModelFrame(second.rotation, second.translation, True)], NONE)
    assert np.degrees(angles) == pytest.approx(120)
