"""Options of the pose network that are those of Wu (2020): depth three times, plain numbers, their rotations."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.pose.posed_scenes import CONFIG, SETTINGS, squares
from tfapp.errors import InputError
from tfapp.pose.model.network_inputs import DepthChannels
from tfapp.pose.model.pose_model import PoseModel
from tfapp.pose.model.rotation_numbers import RotationNumbers, numbers_of
from tfapp.pose.model.settings import ROTATIONS, PoseSettings
from tfapp.pose.scenes.camera import Camera
from tfapp.pose.training import CoordinateFrame

PLAIN = {"network_input": "depth", "base_poses": False}


def quaternions(count=5):
    return np.random.default_rng(0).normal(size=(count, 4))


def scipy_rotation(quaternion):
    return Rotation.from_quat(np.roll(quaternion, -1, -1))


@pytest.mark.parametrize("representation", ROTATIONS)
def test_numbers_are_those_of_scipy(representation):
    numbers = np.array(numbers_of(representation, quaternions().tolist()))
    rotation = scipy_rotation(quaternions())
    if representation == "axis-angle":
        expected = rotation.as_rotvec()
    elif representation == "ortho6d":
        expected = np.swapaxes(rotation.as_matrix()[..., :2], -1, -2).reshape(-1, 6)
    else:
        expected = np.roll(rotation.as_quat(canonical=True), 1, -1)
    np.testing.assert_allclose(numbers, expected, atol=1e-12)


@pytest.mark.parametrize("representation", ["ortho6d", "axis-angle"])
def test_quaternion_is_the_rotation_of_the_numbers(representation):
    rng = np.random.default_rng(1)
    numbers = rng.normal(size=(4, 6 if representation == "ortho6d" else 3))
    found = np.asarray(RotationNumbers(representation, dtype="float64")(numbers))
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1), 1.0)
    if representation == "axis-angle":
        expected = Rotation.from_rotvec(numbers)
    else:
        # Gram and Schmidt by a QR decomposition with positive diagonal.
        q, r = np.linalg.qr(np.swapaxes(numbers.reshape(4, 2, 3), -1, -2))
        q = q * np.sign(np.diagonal(r, axis1=-2, axis2=-1))[:, None]
        expected = Rotation.from_matrix(np.dstack([q, np.cross(q[..., 0], q[..., 1])]))
    assert np.all((scipy_rotation(found).inv() * expected).magnitude() < 1e-6)


@pytest.mark.parametrize("representation", ["ortho6d", "axis-angle"])
def test_zero_stands_for_the_base_orientation(representation):
    base = numbers_of(representation, quaternions().tolist())
    found = np.asarray(RotationNumbers(representation, base, dtype="float64")(np.zeros(np.shape(base))))
    assert np.all((scipy_rotation(found).inv() * scipy_rotation(quaternions())).magnitude() < 1e-6)


def test_depth_is_seen_three_times_with_a_floor_behind_it():
    depth = np.array([[[0.55, 0.6], [0.0, np.nan]]], np.float32)
    seen = np.asarray(DepthChannels(0.6, 0.1, 2)(depth))
    assert seen.shape == (1, 2, 2, 3)
    np.testing.assert_allclose(seen[0, :, :, 0], [[-0.5, 0.0], [1.0, 1.0]], atol=1e-5)
    assert np.all(seen == seen[..., :1])


@pytest.mark.parametrize(("representation", "length"), [("quaternion", 7), ("ortho6d", 9), ("axis-angle", 6)])
def test_plain_vector_has_seven_numbers_an_instance(representation, length):
    model = PoseModel(**SETTINGS | PLAIN | {"rotation": representation})
    heads = [layer for layer in model.network.layers if layer.name == "pose_vector"]
    assert [layer.units for layer in heads] == [length * SETTINGS["instances"]]
    outputs = model(squares(3)[0])
    assert outputs["quaternion"].shape == (3, 1, 2, 4) and outputs["translation"].shape == (3, 1, 2, 3)


def test_plain_vector_has_nothing_added():
    model = PoseModel(**SETTINGS | PLAIN)
    head = model.network.get_layer("pose_vector")
    vector = np.arange(1.0, 15.0, dtype=np.float32)
    head.kernel.assign(0 * head.kernel)
    head.bias.assign(vector)
    outputs = model(squares(1)[0])
    per_instance = vector.reshape(2, 7)
    expected = per_instance[:, :4] / np.linalg.norm(per_instance[:, :4], axis=-1, keepdims=True)
    np.testing.assert_allclose(outputs["quaternion"][0, 0], expected, rtol=1e-6)
    np.testing.assert_array_equal(outputs["translation"][0, 0], per_instance[:, 4:])


def test_places_at_centroids_are_no_plain_vector():
    with pytest.raises(InputError, match="leave it out without `base_poses`"):
        PoseSettings(**SETTINGS | PLAIN | {"translation": "centroid"})


@pytest.mark.parametrize(
    ("name", "allowed"), [("rotation", "quaternion, ortho6d"), ("network_input", "points")]
)
def test_unknown_choice_is_refused(name, allowed):
    with pytest.raises(InputError, match=f"Unknown `{name}` 'euler'; choose one of: {allowed}"):
        PoseSettings(**SETTINGS | {name: "euler"})


def settings_of(**options):
    config = vars(CONFIG) | options
    camera, frame = Camera(32, 32, 40.0, 40.0, 16.0, 16.0), CoordinateFrame((0.0, 0.0, 0.6), 0.08)
    return type(CONFIG)(**config).settings(camera, frame, 2, 50)


def test_gamma_reaches_its_end_over_the_steps():
    assert settings_of(combination="softmin", gamma_end=10.0).gamma_rate == pytest.approx(0.2)
    assert settings_of(combination="softmin").gamma_rate == 0.002


def test_side_of_the_cube_is_told_in_metres_or_in_units():
    assert settings_of().side == 0.5
    assert settings_of(side=0.02).side == pytest.approx(0.25)
    assert settings_of(rho=1.0).side == 1.0
