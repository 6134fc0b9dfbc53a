"""`tfapp landscape` of a run of `tfapp pose train`."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from typer.testing import CliRunner

from tests.pose.posed_scenes import SETTINGS, squares
from tests.runs.written_records import SEGMENTER
from tfapp.cli.main import app
from tfapp.landscape import Surface
from tfapp.pose.model.pose_model import SHARE_OF_ALL, PoseModel
from tfapp.pose.posed_loss import ChamferModel
from tfapp.pose.run import PoseRun

SMALL = ["--n", "3", "--samples", "4", "--exact"]
WIDE = {"COLUMNS": "400", "NO_COLOR": "1"}


def tfapp(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env=WIDE)


@pytest.fixture(scope="module")
def run(squares_training, tmp_path_factory):
    return PoseRun.open(shutil.copytree(squares_training.run.path, tmp_path_factory.mktemp("runs") / "run"))


def drawn(run, *options, stem):
    result = tfapp("landscape", run.path, *SMALL, *options)
    assert result.exit_code == 0, result.output
    return Surface.load(run.path / "landscape" / f"{stem}.npz")


def of_poses(model, depth, points):
    """Return the mean loss of scenes without that of the choice, from the parts of the model."""
    outputs, observed = model(depth), model.observed(points)
    hypotheses, of_all = model.choose(outputs, observed)
    poses = {
        name: tf.stack(
            [outputs[name][:, hypotheses[scene, i], i][scene] for scene in range(len(depth)) for i in (0, 1)]
        )
        for name in ("quaternion", "translation")
    }
    poses = {name: tf.reshape(value, (len(depth), 2, -1)) for name, value in poses.items()}
    found = model.compare(poses, tf.ones((1, 1, 2)), observed)
    return float(np.mean(found.distances[:, 0] + SHARE_OF_ALL * of_all))


@pytest.fixture(scope="module")
def held_out(run):
    return drawn(run, "--held-out", stem="surface-n3-r1-s0-exact-held-out")


def test_loss_at_the_solution_is_the_chamfer_distance_of_held_out_scenes(run, held_out):
    expected = of_poses(run.load_model(), *run.sample("held-out", 4, 0))
    assert held_out.centre == pytest.approx(expected, rel=1e-4)


def test_directions_move_the_network_and_not_the_object_model(run, held_out):
    model = run.load_model()
    kernels = sum(
        v.shape.num_elements()
        for v in map(tf.convert_to_tensor, model.network.trainable_variables)
        if v.shape.rank > 1
    )
    share = kernels / sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    assert held_out.metadata["self_check"]["share_perturbed"] == pytest.approx(share)


def test_line_to_another_run_ends_at_its_loss_of_the_training_scenes(run, tmp_path):
    other, model, rng = tmp_path / "other", run.load_model(), np.random.default_rng(0)
    shutil.copytree(run.path, other)
    for variable in model.trainable_variables:
        value = variable.numpy()
        variable.assign(value + np.std(value) * rng.standard_normal(value.shape))
    model.save(other / "model.keras")
    surface = drawn(run, "--to", other, "--n", "5", stem="surface-n5-rauto-s0-to-other-exact")
    [end] = surface.loss[surface.alphas == 1.0, 0]
    assert end == pytest.approx(of_poses(model, *run.sample("training", 4, 0)), rel=1e-3)
    assert end != pytest.approx(surface.centre, rel=0.01)


@pytest.mark.parametrize(
    "options", [["--directions", "pca"], ["--bfloat16"]], ids=["trajectory", "half precision"]
)
def test_options_of_segmenters_are_refused(run, options):
    result = tfapp("landscape", run.path, *SMALL, *options)
    assert result.exit_code == 2
    assert f"{' '.join(options)} is for segmenters; {run.path} holds a pose model" in result.output


def test_held_out_scenes_of_a_segmenter_are_refused(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps(SEGMENTER))
    result = tfapp("landscape", tmp_path, *SMALL, "--held-out")
    assert result.exit_code == 2 and "--held-out is for runs of `tfapp pose train`" in result.output


def test_run_without_held_out_scenes_says_so(run):
    record = {**run.record, "data": {**run.record["data"], "parts": {"training": [0, 1], "held-out": []}}}
    with pytest.raises(ValueError, match="has no held-out scenes; it was trained with `held_out` 0"):
        PoseRun(run.path, record).sample("held-out", 4, 0)


@pytest.mark.slow
@pytest.mark.parametrize("combination", ["min", "softmin"])
def test_model_for_landscapes_leaves_out_the_loss_of_the_choice_alone(combination):
    depth, points = squares(2)
    model = PoseModel(**SETTINGS | {"hypotheses": 2, "channels": 2, "combination": combination})
    model.compile("adam")
    model.optimizer.iterations.assign(700)
    costs = []
    model.choice_loss = lambda taken, logits: (
        costs.append(PoseModel.choice_loss(model, taken, logits)) or costs[-1]
    )
    outputs = model(depth)
    whole = model.compute_loss(depth, points, outputs, training=False)
    alone = ChamferModel.of(model).compute_loss(depth, points, outputs, training=False)
    assert float(alone) == pytest.approx(float(whole) - float(np.mean(costs[0])), rel=1e-5)
