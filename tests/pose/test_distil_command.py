"""`tfapp pose distil`, and the commands that ask the network alone."""

import json
import shutil

import numpy as np
import pytest

from tests.pose.pose_commands import check_refused, copy_run, files_of, tfapp
from tfapp.pose.distillation import distilled_run
from tfapp.pose.distillation.distilled_network import network_of
from tfapp.pose.fitted_run import cad_model
from tfapp.pose.refinement.refined_run import keep_model
from tfapp.pose.run import PoseRun

pytestmark = pytest.mark.slow
ALONE = ("--no-refined", "--choose", "network")


def refined_copy(bolt_run, bolt_scenes, path):
    """A trained run as if its refinement had found the true part."""
    copy_run(bolt_run, path)
    keep_model(PoseRun.open(path), cad_model(bolt_scenes / "truth" / "object.ply", "m"))
    return path


@pytest.fixture(scope="module")
def distilled(bolt_run, bolt_scenes, tmp_path_factory):
    run = refined_copy(bolt_run, bolt_scenes, tmp_path_factory.mktemp("runs") / "run")
    result = tfapp("pose", "distil", run, "--epochs", 3)
    assert result.exit_code == 0, result.output
    return run


def test_what_is_left_is_a_network_with_the_refined_object_model(distilled):
    assert {"distil.json", "history.csv", "model.keras", "taught.npz"} <= set(
        files_of(distilled / "distilled")
    )
    run = PoseRun.open(distilled)
    points = network_of(run).object_points.numpy() * run.record["frame"]["unit"]
    part = np.load(distilled / "refined" / "model.npz")["points"]
    assert np.abs(points[:, None] - part).sum(-1).min(1).max() < 1e-6


def test_the_network_alone_is_the_distilled_one_from_then_on(distilled):
    assert tfapp("pose", "evaluate", distilled, "--no-baselines", *ALONE).exit_code == 0
    assert network_of(PoseRun.open(distilled)).object_points.shape[0] == 24
    assert "distilled network" in (distilled / "pose.html").read_text(encoding="utf-8")


def test_a_broken_off_distillation_ends_with_the_same_network(
    distilled, bolt_run, bolt_scenes, tmp_path, monkeypatch
):
    run, epochs = refined_copy(bolt_run, bolt_scenes, tmp_path / "run"), []
    # What is taught was found before the break, as in the unbroken one: finding it is what takes the time.
    copied = run / "distilled" / "taught.npz"
    copied.parent.mkdir()
    shutil.copy(distilled / "distilled" / "taught.npz", copied)
    end = distilled_run.TaughtBatches.on_epoch_end

    def kill(self):
        epochs.append(self)
        if len(epochs) == 2:
            raise KeyboardInterrupt
        end(self)

    with monkeypatch.context() as patch:
        patch.setattr(distilled_run.TaughtBatches, "on_epoch_end", kill)
        assert tfapp("pose", "distil", run, "--epochs", 3).exit_code == 130
    assert not (run / "distilled" / "distil.json").exists()
    assert tfapp("pose", "distil", run, "--epochs", 3).exit_code == 0
    wanted, found = (network_of(PoseRun.open(one)).get_weights() for one in (distilled, run))
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_network_of_another_refinement_is_not_asked(distilled, bolt_run, bolt_scenes, tmp_path):
    run = refined_copy(bolt_run, bolt_scenes, tmp_path / "run")
    (run / "distilled").mkdir()
    for name in ("distil.json", "model.keras", "taught.npz"):
        (run / "distilled" / name).write_bytes((distilled / "distilled" / name).read_bytes())
    record = run / "distilled" / "distil.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"refined model": "ab"}))
    check_refused(tfapp("pose", "evaluate", run, *ALONE), "was distilled from another refinement")


def test_what_cannot_be_distilled_is_refused_in_a_sentence(distilled, bolt_run, tmp_path):
    run = copy_run(bolt_run, tmp_path / "run")
    check_refused(tfapp("pose", "distil", run), "is not refined")
    assert not (run / "distilled").exists()
    check_refused(tfapp("pose", "distil", distilled, "--epochs", 2), "--epochs 2 would take some back")
