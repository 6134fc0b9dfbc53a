"""Table 3.4 and figures 3.23 and A.10, segmenters trained by several solvers: settings, rows by hand, commands."""

import csv
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.data.voc_tree import write_segmentation
from tfapp.cli.main import app
from tfapp.errors import InputError
from tfapp.optimizers import SOLVERS
from tfapp.optimizers.catalogue import read_setting
from tfapp.reproduce.bpgrad import segmentation, segmenters
from tfapp.reproduce.bpgrad.comparisons import text_solvers
from tfapp.reproduce.bpgrad.learning_curves import LearningCurves
from tfapp.reproduce.bpgrad.segmenters import SolverTable
from tfapp.reproduce.bpgrad.solver_runs import setting_text
from tfapp.segmentation.config import TrainConfig
from tfapp.segmentation.run import Run

BPGRAD = "bpgrad:form=authors"
SGD_RATES = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0]


def row(mean_iou, accuracy, mean_accuracy):
    return SimpleNamespace(accuracy=accuracy, mean_iou=mean_iou, mean_accuracy=mean_accuracy)


@pytest.fixture
def table():
    table = SolverTable()
    for seed, mean_iou in enumerate((0.2, 0.3, 0.4)):
        table.add("sgd-momentum", 0.1, seed, row(mean_iou, 0.8, 0.4))
    table.add(BPGRAD, 500.0, 0, row(0.5, 0.9, 0.7))
    table.add(BPGRAD, 500.0, 1, None)
    table.add("eve", 0.001, 0, None)
    return table


def test_rows_are_mean_and_deviation_in_percent_beside_the_printed_numbers_best_average_first(table):
    assert table.table().rows == [
        [
            "BPGrad (1 diverged)",
            *("L 500", "form = authors"),
            *("50.0", 62.4, "90.0", 89.8, "70.0", 79.6, "70.0", 77.3),
        ],
        [
            "SGD, μ = 0.9",
            *("rate 0.1", "–"),
            *("30.0 ± 10.0", 63.3, "80.0 ± 0.0", 90.4, "40.0 ± 0.0", 78.7, "50.0 ± 3.3", 77.5),
        ],
        ["Eve (1 diverged)", "rate 0.001", "–", *4 * ("–", "–")],
    ]


def test_csv_names_diverged_trainings(table, tmp_path):
    table.write_csv(tmp_path / "table.csv")
    with (tmp_path / "table.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[5] == [BPGRAD, "lipschitz", "500.0", "1", "diverged"] and len(rows) == 7
    assert rows[4][4:] == ["50.000", "90.000", "70.000", "70.000"]


@pytest.mark.parametrize(
    ("name", "value"),
    [*text_solvers(segmentation.PRESET).items(), ("adam", 12.566370614359172), ("bpgrad", "auto")],
)
def test_setting_in_text_is_read_as_it_was(name, value):
    assert read_setting(setting_text(name, value)) == (name, value)


def test_solvers_of_the_text_can_train_a_segmenter_at_paper_scale():
    options = segmentation.FCN_SETTINGS["paper"]
    for name, value in text_solvers(segmentation.PRESET).items():
        TrainConfig(**options, solver=setting_text(name, value)).check()


@pytest.mark.parametrize(
    ("loss", "best", "tried"),
    [
        # The usual rates of SGD are from 0.001 to 1.
        (lambda rate: abs(np.log10(rate) + 2), 0.01, SGD_RATES),
        (lambda rate: rate, 1e-5, [*SGD_RATES, 3e-4, 1e-4, 3e-5, 1e-5]),
        (lambda rate: rate if rate > 2e-4 else None, 3e-4, [*SGD_RATES, 3e-4, 1e-4]),
        (lambda rate: None, 0.1, SGD_RATES),
    ],
    ids=["within", "at the end", "before a diverged one", "all diverged"],
)
def test_search_goes_on_where_the_best_value_is_the_last(monkeypatch, loss, best, tried):
    seen = []

    def train_by(train, solver, value, *others):
        seen.append(value)
        return None if loss(value) is None else SimpleNamespace(path=value)

    monkeypatch.setattr(segmenters, "train_by", train_by)
    monkeypatch.setattr(segmenters, "read_history", lambda path: [{"val_loss": loss(path)}])
    assert segmenters.best_value("", "", SimpleNamespace(epochs=1), "sgd", None) == best
    assert seen == tried


def test_settings_of_the_text_are_those_of_section_3_4_5_and_appendix_a_9():
    assert text_solvers(segmentation.PRESET) == {
        "adagrad:rho=1:epsilon=1e-10": 1e-4,
        "adadelta:rho=0.9:epsilon=1e-9": 1.0,
        "rmsprop:rho=0.99:epsilon=1e-8": 1e-5,
        "adam:beta_1=0.9:beta_2=0.999:epsilon=1e-8": 1e-4,
        "sgd-momentum": "0.001/0.0001@21",
        "bpgrad:form=authors:decay=in-gradient:mean=epoch": 500.0,
    }
    paper = segmentation.FCN_SETTINGS["paper"]
    assert (paper["epochs"], paper["weight_decay"], paper["crop"]) == (50, 0.0005, (500, 500))


def test_all_solvers_are_those_of_the_text_with_its_values_at_paper_scale_and_searched_at_small_scale():
    text = text_solvers(segmentation.PRESET)
    for everything in (None, dict.fromkeys(SOLVERS)):
        assert segmentation._chosen(everything, "paper") == text
        assert segmentation._chosen(everything, "small") == dict.fromkeys(text)
    assert segmentation._chosen({"sgd": 0.1}, "paper") == {"sgd": 0.1}


@pytest.fixture
def curves():
    curves = LearningCurves(segmentation.CURVES, "pixel accuracy, %", **segmentation._SHOWN)
    for seed, accuracy in enumerate((0.5, 0.7)):
        rows = [
            {"epoch": epoch, "loss": 1.0, "accuracy": accuracy, "val_loss": 2.0, "val_accuracy": 0.4}
            for epoch in (1, 2)
        ]
        curves.add("adam:beta_1=0.9:epsilon=1e-8", 1e-4, seed, rows)
    curves.add("adam:beta_1=0.99:epsilon=1e-8", 1e-4, 0, rows[:1])
    return curves


def test_curves_of_one_solver_are_told_apart_by_the_option_that_differs(curves):
    assert curves.table().rows == [
        ["Adam, β₁ = 0.9", "rate 0.0001", "60.0 ± 14.1", "40.0 ± 0.0"],
        ["Adam, β₁ = 0.99", "rate 0.0001", "70.0", "40.0"],
    ]


def test_curves_are_written_with_a_row_for_each_epoch(curves, tmp_path):
    curves.write_csv(tmp_path / "curves.csv")
    with (tmp_path / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(one["seed"], one["epoch"], one["accuracy"]) for one in rows[:3]] == [
        ("0", "1", "0.5"),
        ("0", "2", "0.5"),
        ("1", "1", "0.7"),
    ]
    assert len(rows) == 5


def test_curves_are_drawn_in_two_panels(curves, tmp_path):
    curves.save_png(tmp_path / "curves.png", "title")
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.width > 2 * picture.height


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (None, "begins with the weights of VGG-16 at paper scale: give their file, such as vgg16_weights.*"),
        ("nowhere.h5", "nowhere.h5 do not exist; expected a file of keras.applications.VGG16"),
    ],
)
def test_paper_scale_needs_the_weights_of_vgg(tmp_path, weights, message):
    options = {"data": "cells", "out": tmp_path / "out", "scale": "paper", "encoder_weights": weights}
    for make in (segmentation.table_3_4, segmentation.figure_3_23, segmentation.figure_a_10):
        with pytest.raises(InputError, match=message):
            make(**options, progress=None, command="")
    assert not (tmp_path / "out").exists()


def tfapp(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def few(monkeypatch):
    few = segmentation.FCN_SETTINGS["small"] | {"base_width": 2, "steps_per_epoch": 2, "batch_size": 2}
    monkeypatch.setitem(segmentation.FCN_SETTINGS, "small", few)


@pytest.mark.reproduce
def test_table_of_segmenters(tmp_path, few):
    options = ["--solvers", "bpgrad=50:form=authors:mean=epoch,sgd=0.1", "--seeds", "0", "--epochs", "1"]
    result = tfapp("reproduce", "bpgrad-table-3.4", "--data", "cells:20:32", "--out", tmp_path, *options)
    assert result.exit_code == 0, result.output
    text = (tmp_path / "bpgrad-table-3.4.md").read_text()
    assert "| BPGrad | L 50 | form = authors, mean = epoch |" in text and "| 77.3 |" in text


@pytest.mark.reproduce
def test_figure_of_learning_curves_shares_its_trainings_with_the_table(tmp_path, few):
    options = ["--solvers", "sgd=0.1", "--seeds", "0", "--epochs", "1", "--data", "cells:20:32"]
    result = tfapp("reproduce", "bpgrad-figure-3.23", "--out", tmp_path, *options)
    assert result.exit_code == 0, result.output
    before = (tmp_path / "trainings" / "sgd-0.1-seed0" / "history.csv").stat().st_mtime_ns
    assert tfapp("reproduce", "bpgrad-table-3.4", "--out", tmp_path, *options).exit_code == 0
    assert (tmp_path / "trainings" / "sgd-0.1-seed0" / "history.csv").stat().st_mtime_ns == before
    assert (tmp_path / "bpgrad-figure-3.23.png").is_file()


@pytest.mark.reproduce
def test_figure_of_two_values_of_beta(tmp_path, few):
    options = ["--epochs", "1", "--data", "cells:20:32"]
    result = tfapp("reproduce", "bpgrad-figure-A.10", "--out", tmp_path, *options)
    assert result.exit_code == 0, result.output
    assert "Adam, β₁ = 0.99" in (tmp_path / "bpgrad-figure-A.10.md").read_text()


@pytest.mark.reproduce
def test_paper_scale_trains_on_crops_of_voc_and_watches_its_list_val(tmp_path, monkeypatch):
    few = segmentation.FCN_SETTINGS["paper"] | {"base_width": 2, "steps_per_epoch": 1, "batch_size": 2}
    monkeypatch.setitem(segmentation.FCN_SETTINGS, "paper", few | {"crop": (40, 40)})
    write_segmentation(tmp_path)
    options = ["--scale", "paper", "--encoder-weights", "none", "--solvers", "sgd-momentum=0.001/0.0001@2"]
    result = tfapp(
        *("reproduce", "bpgrad-table-3.4", "--data", f"voc2011:{tmp_path}", "--out", tmp_path / "out"),
        *("--epochs", "2", "--seeds", "0", *options),
    )
    assert result.exit_code == 0, result.output
    [folder] = (tmp_path / "out" / "trainings").iterdir()
    run = Run.open(folder)
    assert run.split.validation == run.split.test == ("2007_000033", "2007_000042")
    assert run.framing.crop_border == "void" and run.config["solver"] == "sgd-momentum=0.001/0.0001@2"
