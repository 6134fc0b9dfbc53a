"""`tfapp lr-find` as a person types it."""

import inspect
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from tfapp.cli import lr_find
from tfapp.cli.main import app
from tfapp.cli.train import train
from tfapp.segmentation.config import TrainConfig

NET = "cells:12:32 --base-width 2 --depth 1 --batch-size 2 --updates 2 --start 0.001"


def tfapp(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": "300"})


@pytest.mark.slow
def test_rate_below_the_diverging_one_is_suggested_and_written(tmp_path):
    result = tfapp(
        "lr-find", *NET.split(), "--head", "softmax", "--optimizer", "sgd", "--end", 1e4, "--out", tmp_path
    )
    assert result.exit_code == 0, result.output
    assert {file.name for file in tmp_path.iterdir()} == {
        f"lr-find.{kind}" for kind in ("json", "csv", "png")
    }
    found = json.loads((tmp_path / "lr-find.json").read_text())
    assert found["diverged_at"] == pytest.approx(2 * found["suggestion"])
    np.testing.assert_allclose(found["rates"], 0.001 * 2.0 ** np.arange(len(found["rates"])))
    assert [len(losses) for losses in found["losses"]] == [2] * len(found["rates"])
    assert f"tfapp train with --learning-rate {found['suggestion']:.3g}." in result.output


@pytest.mark.slow
def test_loss_that_does_not_diverge_is_drawn_and_told(tmp_path):
    solver = ("--head", "softmax", "--solver", "adam:beta_1=0.8")
    result = tfapp("lr-find", *NET.split(), *solver, "--end", 0.002, "--out", tmp_path)
    assert result.exit_code == 1
    assert "The loss does not diverge up to a learning rate of 0.002; give a larger --end." in result.output
    assert json.loads((tmp_path / "lr-find.json").read_text())["suggestion"] is None


def test_options_are_those_of_a_training_but_for_its_length_and_its_rates():
    of_train, own = (inspect.signature(one).parameters for one in (train, lr_find.lr_find))
    left_out = {name for name in of_train if name not in own}
    assert left_out == set(lr_find._OF_TRAININGS)
    shared = [name for name in of_train if name in own and name not in ("context", "out")]
    assert all(own[name].default == of_train[name].default for name in shared)
    assert {"augment", "l1_penalty", "tv_weight", "solver"} <= set(shared)
    assert left_out & set(TrainConfig.__dataclass_fields__) >= {"learning_rate", "schedule", "epochs"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--start 0", "--start must be a positive number"),
        ("--factor 1", "Expected a --factor above 1 and a --start below --end"),
        ("--updates 0", "--updates must be a positive integer"),
        (
            "--solver sgd=0.1",
            "--solver sgd=0.1 has a learning rate, which is what is looked for; leave it out: sgd.",
        ),
        ("--solver bpgrad", "--solver bpgrad has L and no learning rate to look for; name another."),
        ("--model net", "Unknown model 'net'"),
        ("--batch-size 100", "The batch size is 100 but there are only"),
    ],
)
def test_bad_input_gets_one_sentence_and_leaves_nothing(tmp_path, options, words):
    result = tfapp("lr-find", *NET.split(), *options.split(), "--out", tmp_path / "out")
    said = " ".join(result.output.split())
    assert result.exit_code == 2 and words in said and "Traceback" not in said
    assert not (tmp_path / "out").exists()
