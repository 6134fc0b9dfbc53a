"""A training of `tfapp solvers compare` as a run: what `tfapp landscape` and `tfapp signal` open."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from tfapp.cli.main import app
from tfapp.cli.sources import open_run
from tfapp.errors import InputError
from tfapp.solvers.trainings.run import SolverRun
from tfapp.solvers.trainings.training import Job, train
from tfapp.solvers.trainings.workload import Workload


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("solver") / "run"
    train(Job(Workload("digits", "two-layer", train_images=200), "adam", 0.01, 3, 1), path)
    return path


def test_initial_weights_are_those_of_the_seed(folder):
    run = open_run(folder)
    assert isinstance(run, SolverRun)
    expected = Workload("digits", "two-layer", train_images=200).build(3).get_weights()
    for one, other in zip(run.initial_model().get_weights(), expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_sample_is_of_the_images_that_were_trained_on(folder):
    x, y = SolverRun.open(folder).sample(500, 0)
    train_images, _ = Workload("digits", "two-layer", train_images=200).splits()
    assert len(x) == len(y) == 200
    np.testing.assert_array_equal(x, train_images.values(slice(None)))


@pytest.mark.slow
def test_landscape_draws_the_line_to_the_initial_weights(folder):
    options = ["--to", "initial", "--n", "5", "--samples", "50"]
    result = CliRunner().invoke(app, ["landscape", str(folder), *options], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    assert "to its initial weights" in result.output
    assert (folder / "landscape" / "surface-n5-rauto-s0-to-initial.png").is_file()


def test_training_that_has_not_ended_has_no_solution(folder, tmp_path):
    (tmp_path / "job.json").write_bytes((folder / "job.json").read_bytes())
    with pytest.raises(InputError, match="its training has not ended"):
        SolverRun.open(tmp_path).solution().load_model()


def test_diverged_training_has_no_solution(folder, tmp_path):
    for name in ("job.json", "last.keras", "result.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    (tmp_path / "result.json").write_text(json.dumps(result | {"diverged": True}), encoding="utf-8")
    with pytest.raises(InputError, match="diverged; there is no solution"):
        SolverRun.open(tmp_path).solution().load_model()


@pytest.mark.parametrize(
    "edit",
    [
        lambda job: job.pop("workload"),
        lambda job: job.update(workload={"colour": 1}),
        lambda job: job.pop("seed"),
    ],
)
def test_damaged_record_is_said(folder, tmp_path, edit):
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    edit(job)
    (tmp_path / "job.json").write_text(json.dumps(job), encoding="utf-8")
    with pytest.raises(InputError, match="job.json is damaged"):
        SolverRun.open(tmp_path)
