"""What the network is taught: the poses of the refinement, in the order of its own instances."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.transform import Rotation

from tests.pose.posed_scenes import SETTINGS
from tfapp.layers import rotation_from_quaternion
from tfapp.pose.distillation.taught_model import SHARE_OF_CHOICE, TaughtPoseModel
from tfapp.pose.model.pose_model import SHARE_OF_ALL

HALF_TURN = np.diag([-1.0, -1.0, 1.0])
CENTRE = np.array([0.004, -0.002, 0.0])


@pytest.fixture(scope="module")
def model():
    made = TaughtPoseModel([np.eye(3).tolist(), HALF_TURN.tolist()], CENTRE.tolist(), **SETTINGS)
    made.compile("adam", jit_compile=False)
    return made


@pytest.fixture(scope="module")
def said(model):
    """Outputs of one hypothesis of two instances, three scenes, and their poses in metres."""
    rng = np.random.default_rng(0)
    quaternion = Rotation.random(6, rng=rng).as_quat()[:, [3, 0, 1, 2]].reshape(3, 1, 2, 4)
    places = np.array([[[-0.4, 0, 0], [0.4, 0, 0]]]) + rng.normal(0, 0.02, (3, 1, 2, 3))
    outputs = {
        "quaternion": tf.constant(quaternion, tf.float32),
        "translation": tf.constant(places, tf.float32),
        "choice": tf.zeros((3, 2, 1)),
    }
    rotation = rotation_from_quaternion(outputs["quaternion"])[:, 0].numpy()
    return outputs, rotation, model.settings.in_metres(places[:, 0]).astype(np.float32)


def loss(model, outputs, rotation, translation, weight=None):
    weight = np.ones((3, 2), np.float32) if weight is None else weight
    return float(model.compute_loss(None, (rotation, translation, weight), outputs))


def test_its_own_poses_cost_nothing_in_whichever_order_they_are_taught(model, said):
    outputs, rotation, translation = said
    assert loss(model, outputs, rotation, translation) < 1e-5
    assert loss(model, outputs, rotation[:, ::-1], translation[:, ::-1]) < 1e-5


def test_a_pose_that_a_symmetry_turns_it_to_costs_nothing(model, said):
    outputs, rotation, translation = said
    kept = CENTRE - HALF_TURN @ CENTRE
    turned = (rotation @ HALF_TURN).astype(np.float32)
    moved = (translation + rotation @ kept).astype(np.float32)
    assert loss(model, outputs, turned, moved) < 1e-5


def test_a_shift_costs_its_length_in_units_of_the_network(model, said):
    outputs, rotation, translation = said
    shifted = translation + np.float32([0, 0.01, 0])
    assert loss(model, outputs, rotation, shifted) == pytest.approx((1 + SHARE_OF_ALL) * 0.1, rel=1e-3)


def test_of_an_instance_with_weight_zero_nothing_is_learned(model, said):
    outputs, rotation, translation = said
    weight = np.float32([[1, 0]] * 3)
    wrong = np.where(weight[..., None] > 0, translation, 9.0).astype(np.float32)
    assert loss(model, outputs, rotation, wrong, weight) < 1e-5
    assert loss(model, outputs, rotation, wrong, 0 * weight) == 0


def test_the_choice_learns_the_best_hypothesis(model, said):
    outputs, rotation, translation = said
    both = {
        "quaternion": tf.repeat(outputs["quaternion"], 2, 1),
        "translation": tf.concat([outputs["translation"] + 0.1, outputs["translation"]], 1),
    }
    right, wrong = (
        loss(model, {**both, "choice": tf.constant([[logits] * 2] * 3)}, rotation, translation)
        for logits in ([0.0, 5.0], [5.0, 0.0])
    )
    assert wrong - right == pytest.approx(5 * SHARE_OF_CHOICE, rel=1e-4)
