"""Table 3.4, segmenters trained by every solver: its command, and rows from numbers by hand."""

import csv
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from tfapp.cli.main import app
from tfapp.optimizers import SOLVERS
from tfapp.reproduce.bpgrad import segmentation
from tfapp.reproduce.bpgrad.segmenters import OPTIONS, SolverTable, solver_options
from tfapp.segmentation.config import TrainConfig


def row(accuracy, mean_iou):
    return SimpleNamespace(accuracy=accuracy, mean_iou=mean_iou)


@pytest.fixture
def table():
    table = SolverTable()
    for seed, mean_iou in enumerate((0.2, 0.3, 0.4)):
        table.add("sgd", "SGD", "learning_rate", 0.1, seed, row(0.8, mean_iou))
    table.add("bpgrad", "BPGrad", "lipschitz", 20.0, 0, row(0.9, 0.5))
    table.add("bpgrad", "BPGrad", "lipschitz", 20.0, 1, None)
    return table


def test_rows_are_mean_and_deviation_in_percent_best_first(table):
    assert table.table().rows == [
        ["BPGrad (1 diverged)", "L 20", "90.00", "50.00"],
        ["SGD", "rate 0.1", "80.00 ± 0.00", "30.00 ± 10.00"],
    ]


def test_csv_names_diverged_trainings(table, tmp_path):
    table.write_csv(tmp_path / "table.csv")
    with (tmp_path / "table.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[-1] == ["bpgrad", "lipschitz", "20.0", "1", "diverged"] and len(rows) == 6


def test_every_compared_solver_can_train_a_segmenter():
    assert set(OPTIONS) <= set(SOLVERS)
    for name, solver in SOLVERS.items():
        TrainConfig(**solver_options(name, solver.parameter, solver.value)).check()


def tfapp(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.reproduce
def test_table_of_segmenters(tmp_path, monkeypatch):
    few = segmentation.FCN_SETTINGS["small"] | {"base_width": 2, "steps_per_epoch": 2}
    monkeypatch.setitem(segmentation.FCN_SETTINGS, "small", few)
    options = ["--solvers", "bpgrad=50,sgd=0.1", "--seeds", "0", "--epochs", "1", "--grid-epochs", "0"]
    result = tfapp("reproduce", "bpgrad-table-3.4", "--data", "cells:20:32", "--out", tmp_path, *options)
    assert result.exit_code == 0, result.output
    assert "BPGrad | L 50" in (tmp_path / "bpgrad-table-3.4.md").read_text()
