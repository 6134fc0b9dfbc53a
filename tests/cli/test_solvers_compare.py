"""`tfapp solvers compare`, as a person types it."""

import csv

import pytest
from PIL import Image
from typer.testing import CliRunner

from tfapp.cli.main import app
from tfapp.optimizers import SOLVERS

TINY = ["--model", "two-layer", "--seeds", "0", "--epochs", "1", "--batch-size", "40"]


def tfapp(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def said(result):
    return " ".join(result.output.split())


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    out = tmp_path_factory.mktemp("solvers") / "digits"
    solvers = ["--solvers", "adadelta,bpgrad=20", "--grid-epochs", "1"]
    result = tfapp("solvers", "compare", "digits:100", "--out", out, *TINY, *solvers)
    assert result.exit_code == 0, result.output
    return out, result


@pytest.mark.slow
def test_comparison_writes_table_trainings_search_and_figure(compared):
    out, result = compared
    assert "BPGrad" in result.output and "Adadelta" in result.output
    with (out / "comparison.csv").open() as file:
        rows = {row["solver"]: float(row["value"]) for row in csv.DictReader(file)}
    assert rows["bpgrad"] == 20.0
    with (out / "grid.csv").open() as file:
        searched = list(csv.DictReader(file))
    values = [float(row["value"]) for row in searched]
    assert values == list(SOLVERS["adadelta"].values) and rows["adadelta"] in values
    assert "--solvers adadelta,bpgrad=20" in (out / "comparison.md").read_text()
    with Image.open(out / "comparison.png") as picture:
        assert picture.width > 1000


@pytest.mark.slow
def test_same_command_again_trains_nothing(compared):
    out, _ = compared
    before = {file: file.stat().st_mtime_ns for file in out.rglob("result.json")}
    solvers = ["--solvers", "adadelta,bpgrad=20", "--grid-epochs", "1"]
    assert tfapp("solvers", "compare", "digits:100", "--out", out, *TINY, *solvers).exit_code == 0
    assert {file: file.stat().st_mtime_ns for file in out.rglob("result.json")} == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--solvers", "newton"], "Unknown solver 'newton' in --solvers"),
        (["--solvers", "sgd=0.1,sgd=0.01"], "--solvers names sgd twice"),
        (["--solvers", "adam=fast"], "--solvers adam=fast is not understood"),
        (["--solvers", "bpgrad=-1"], "--solvers bpgrad=-1 is not understood"),
        (["--seeds", "0,0"], "--seeds '0,0' is not understood"),
        (["--model", "lenet"], "Unknown classifier 'lenet'"),
        (["--train-images", "1000"], "training images; got --train-images 1000"),
        (["--weight-decay", "-1"], "--weight-decay must be a number from 0"),
        (["--augment", "rotate"], "Unknown augmentation 'rotate'"),
        pytest.param(
            ["--dask", "tcp://localhost:1"],
            "Expected a Dask scheduler with workers at tcp://localhost:1,",
            marks=pytest.mark.slow,  # It waits for one.
        ),
    ],
)
def test_bad_input_gets_one_sentence_and_no_training(tmp_path, options, message):
    result = tfapp("solvers", "compare", "digits:100", "--out", tmp_path / "out", *TINY, *options)
    assert result.exit_code == 2 and message in said(result)
    assert not list(tmp_path.rglob("*.json"))
