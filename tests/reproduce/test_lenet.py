"""The figures of slopes, condition and bounds along trainings of LeNet, on generated digits."""

import csv
import re

import pytest
from typer.testing import CliRunner

from tfapp.cli.main import app
from tfapp.reproduce.bpgrad import lenet, networks


@pytest.fixture
def invoke(tmp_path):
    """Return a function that runs a command with `--out` in the test's own folder."""

    def run(*arguments):
        given = [*map(str, arguments), "--out", str(tmp_path / "out")]
        return CliRunner().invoke(app, given, env={"COLUMNS": "120"})

    return run


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setitem(lenet.STEPS, "small", 3)
    monkeypatch.setitem(lenet.INITIALISATIONS, "small", 2)
    monkeypatch.setitem(networks.CONDITION_STEPS, "small", 3)


@pytest.mark.reproduce
@pytest.mark.usefixtures("short")
def test_figure_3_15_compares_the_readings(invoke, tmp_path):
    result = invoke("reproduce", "bpgrad-figure-3.15", "--data", "digits:150")
    assert result.exit_code == 0, result.output
    text = (tmp_path / "out" / "bpgrad-figure-3.15.md").read_text()
    assert "|  | all pairs | successive | same batch | inits |" in text
    assert "| slopes | 6 | 3 | 3 | 3 |" in text
    assert (tmp_path / "out" / "bpgrad-figure-3.15.png").is_file()


@pytest.mark.reproduce
@pytest.mark.usefixtures("short")
def test_figure_3_6_has_a_table_for_each_momentum(invoke, tmp_path):
    result = invoke("reproduce", "bpgrad-figure-3.6", "--data", "digits:400", "--lipschitz", "500")
    assert result.exit_code == 0, result.output
    for momentum in ("0", "0.9"):
        rows = rows_of(tmp_path / "out" / f"bpgrad-figure-3.6-momentum-{momentum}.csv")
        assert len(rows) == 3 and float(rows[0]["condition_lhs"]) == pytest.approx(
            float(rows[0]["condition_rhs"]), rel=1e-2
        )
    assert (tmp_path / "out" / "bpgrad-figure-3.6.png").is_file()


@pytest.mark.reproduce
def test_figure_3_20_has_a_row_for_each_step(invoke, tmp_path):
    result = invoke("reproduce", "bpgrad-figure-3.20", "--data", "digits:400", "--lipschitz", "500")
    assert result.exit_code == 0, result.output
    assert len(rows_of(tmp_path / "out" / "bpgrad-figure-3.20.csv")) == 3
    assert (tmp_path / "out" / "bpgrad-figure-3.20.png").is_file()


@pytest.mark.parametrize(
    "options, message",
    [
        (("--scale", "huge"), "Unknown --scale 'huge'; choose one of: small, paper."),
        (("--data", "digits:50"), "digits:50 must hold at least 100 images of one size"),
    ],
)
def test_figure_that_cannot_be_made_is_refused(invoke, tmp_path, options, message):
    for figure in ("3.6", "3.15", "3.20"):
        result = invoke("reproduce", f"bpgrad-figure-{figure}", "--data", "digits:150", *options)
        assert result.exit_code == 2 and message in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("figure", ["3.6", "3.20"])
@pytest.mark.parametrize("value", ["0", "-1", "inf", "nan"])
def test_constant_that_is_not_positive_is_refused(invoke, tmp_path, figure, value):
    result = invoke("reproduce", f"bpgrad-figure-{figure}", "--data", "digits:150", "--lipschitz", value)
    assert result.exit_code == 2 and re.search("--lipschitz must be a (positive )?number", result.output)
    assert not (tmp_path / "out").exists()
