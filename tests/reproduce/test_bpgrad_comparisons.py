"""The tables and figures of networks trained by every solver, by their commands."""

import csv
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from tfapp.cli.main import app
from tfapp.optimizers import SWEEPS


def tfapp(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_table_of_other_images_is_refused(tmp_path):
    result = tfapp("reproduce", "bpgrad-figure-3.16", "--data", "cifar10:nowhere", "--out", tmp_path / "out")
    assert result.exit_code == 2 and "Figure 3.16 is made of other images" in " ".join(result.output.split())


@pytest.mark.reproduce
def test_sweep_over_rho_trains_every_value(tmp_path, monkeypatch):
    few = replace(SWEEPS["bpgrad-rho"], values=(0.0, 0.9))
    monkeypatch.setitem(SWEEPS, "bpgrad-rho", few)
    options = ["--data", "digits:100", "--seeds", "0", "--epochs", "1", "--out", tmp_path]
    result = tfapp("reproduce", "bpgrad-figure-3.19", *options)
    assert result.exit_code == 0, result.output
    with (tmp_path / "bpgrad-figure-3.19.csv").open() as file:
        assert [float(row["value"]) for row in csv.DictReader(file)] == [0.0, 0.9]
