"""Pose models whose backbone computes in half precision: points, poses and losses stay float32."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from tests.pose.posed_scenes import CONFIG, SETTINGS, squares
from tfapp.errors import InputError
from tfapp.pose.distillation.taught_model import TaughtPoseModel
from tfapp.pose.model.pose_model import PoseModel
from tfapp.pose.run import PoseRun
from tfapp.pose.training import train

HALF = {"precision": "mixed_bfloat16"}
KINDS = {
    "direct": {"hypotheses": 2},
    "centroid": {"translation": "centroid"},
    "plain": {"network_input": "depth", "base_poses": False, "rotation": "ortho6d"},
    "channels": {"channels": 2, "combination": "softmin"},
}
DEPTH, POINTS = squares(4)


def model_of(**options):
    model = PoseModel(**SETTINGS | options)
    model.compile(keras.optimizers.Adam(0.001), keras.optimizers.Adam(0.003), jit_compile=False)
    return model


def pair_of(kind):
    """Return a model and one in half precision, with the same weights."""
    whole, half = model_of(**KINDS[kind]), model_of(**KINDS[kind], **HALF)
    half.set_weights(whole.get_weights())
    return whole, half


@pytest.mark.parametrize("kind", KINDS)
def test_backbone_alone_computes_in_half_precision(kind):
    layers = model_of(**KINDS[kind], **HALF).network.layers
    halves = {layer.name for layer in layers if layer.compute_dtype == "bfloat16"}
    weighted = {
        layer.name for layer in layers if isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense))
    }
    assert weighted - halves <= {"rotation_head", "translation_head", "pose_vector", "choice"}
    assert {"stage1_1", "features"} <= halves
    assert not halves & {"points", "depth_channels", "quaternion", "translation", "centroids", "choice"}


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_poses_are_float32_and_rotations_of_length_1_under_any_policy_of_the_user(policy):
    keras.config.set_dtype_policy(policy)
    try:
        outputs = model_of(**HALF)(DEPTH)
    finally:
        keras.config.set_dtype_policy("float32")
    assert {value.dtype.name for value in outputs.values()} == {"float32"}
    np.testing.assert_allclose(np.linalg.norm(outputs["quaternion"], axis=-1), 1, atol=1e-6)


def test_points_that_the_network_sees_are_not_rounded():
    whole, half = pair_of("direct")
    seen = [
        keras.Model(model.network.input, model.network.get_layer("points").output)(DEPTH)
        for model in (whole, half)
    ]
    np.testing.assert_array_equal(*seen)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_loss_of_a_training_step_is_that_of_float32_within_3_percent(kind):
    whole, half = pair_of(kind)
    losses = [model.train_on_batch(DEPTH, POINTS, return_dict=True)["loss"] for model in (whole, half)]
    assert losses[1] == pytest.approx(losses[0], rel=0.03) and np.isfinite(losses[1])
    assert {weight.dtype for weight in half.weights} == {"float32"}


@pytest.mark.slow
def test_what_a_model_in_half_precision_is_taught_costs_what_it_costs_in_float32_within_3_percent():
    costs, weights = [], None
    rotation, translation = np.broadcast_to(np.eye(3, dtype="f4"), (4, 2, 3, 3)), POINTS[:, :2]
    for options in ({}, HALF):
        model = TaughtPoseModel([np.eye(3).tolist()], [0.0, 0.0, 0.0], **SETTINGS | options)
        model.compile("adam", jit_compile=False)
        weights = weights or model.get_weights()
        model.set_weights(weights)
        taught = rotation, translation, np.ones((4, 2), "f4")
        costs.append(model.train_on_batch(DEPTH, taught, return_dict=True)["loss"])
    assert costs[1] == pytest.approx(costs[0], rel=0.03) and np.isfinite(costs[1])
    assert model.network.get_layer("features").compute_dtype == "bfloat16"


def test_stored_model_has_its_precision_and_answers_the_same(tmp_path):
    model = model_of(**HALF)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.settings.precision == "mixed_bfloat16"
    for name, value in model(DEPTH).items():
        np.testing.assert_array_equal(again(DEPTH)[name], value)


def test_model_of_float32_is_stored_as_before_there_was_a_choice():
    assert "precision" not in model_of().get_config()


def test_unknown_precision_is_refused():
    sentence = "Unknown `precision` 'float16'; choose one of: float32, mixed_bfloat16."
    with pytest.raises(InputError, match=sentence):
        model_of(precision="float16")


def test_run_does_not_resume_in_another_precision(squares_training, squares_run):
    with pytest.raises(InputError, match="another precision .float32, not mixed_bfloat16."):
        train(squares_training.scenes, squares_run.path, replace(CONFIG, **HALF))


@pytest.mark.slow
def test_run_in_half_precision_resumes_and_is_exported(squares_training, tmp_path):
    config = replace(CONFIG, epochs=1, **HALF)
    run = train(squares_training.scenes, tmp_path / "run", config)
    longer = train(squares_training.scenes, run.path, replace(config, epochs=2))
    model = PoseRun.open(longer.path).load_model()
    assert model.settings.precision == "mixed_bfloat16" and int(model.optimizer.iterations) == 4
    assert (longer.export(tmp_path / "served") / "saved_model.pb").is_file()
