"""`tfapp reproduce lecture-figure-1`: its trainings, and what its table says of them."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tfapp.cli.main import app
from tfapp.report import figures as png_file
from tfapp.reproduce.lecture import curves, figure_1, trainings
from tfapp.reproduce.lecture.trainings import Curve, Training

LINE = ["reproduce", "lecture-figure-1", "--data", "digits:600", "--images", "500", "--updates", "20"]


def training(solver, rate=1.0, network="autoencoder"):
    return Training(network, solver, rate, 40, 500, 500, "small", 0)


def curve(*train, step=20):
    updates = [step * index for index in range(len(train))]
    return Curve(updates, [0.1 * count for count in updates], list(train), [value + 1 for value in train])


def test_best_training_of_a_solver_is_that_with_the_smallest_last_training_loss():
    found = {
        training("adam", 0.1): curve(9, float("nan")),
        training("adam", 0.2): curve(9, 4),
        training("adam", 0.3): curve(9, 3),
        training("adam", 0.4): curve(1, 5),
    }
    assert curves.best_of(found)["autoencoder", "adam"][0].rate == 0.3


def test_first_place_at_a_loss_is_the_first_one_not_above_it():
    assert curves.first_at(curve(9, 5, 4, 5), 5) == (20, 2.0)
    assert curves.first_at(curve(9, 5, 4, 5), 3) is None


def test_sentence_tells_updates_seconds_and_the_order_of_test_losses():
    best = curves.best_of(
        {
            training("kfac"): curve(9, 5, 4),
            training("sgd-momentum"): curve(9, 8, 7, 6, 5),
            training("adam"): curve(9, 8, 7, 6, 5.5),
        }
    )
    assert curves.sentences(best) == [
        "autoencoder: K-FAC reached the last training loss of SGD with momentum, 5, after 20 updates and 2 s, SGD "
        "after 80 and 8 s; its least test loss, 5, lies below the least of the others, 6."
    ]


def test_autoencoder_of_martens_and_grosse_has_their_widths():
    widths = [layer.units for layer in trainings.autoencoder(trainings._WIDTHS["paper"], 784).layers]
    assert widths == [1000, 500, 250, 30, 250, 500, 1000, 784]


@pytest.mark.reproduce
def test_command_writes_its_files_and_takes_finished_trainings_from_the_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(png_file, "_DPI", 40)
    monkeypatch.setattr(figure_1, "_TIMES", 1)
    monkeypatch.setattr(figure_1, "_SIZES", {"small": (20, 20, 500, 50)})
    rates = {"kfac": (1.0,), "sgd-momentum": (0.1,), "adam": (0.001,)}
    monkeypatch.setattr(figure_1, "_RATES", {"autoencoder": rates, "lenet-5": rates})
    run = CliRunner()
    result = run.invoke(app, [*LINE, "--out", str(tmp_path)], env={"COLUMNS": "300"})
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "lecture-figure-1.png") as picture:
        assert np.asarray(picture.convert("L")).std() > 0
    text = (tmp_path / "lecture-figure-1.md").read_text(encoding="utf-8")
    assert "| autoencoder | K-FAC | 1 | 20 |" in text and "| lenet-5 | Adam |" in text
    record = tmp_path / "trainings" / "autoencoder-kfac-1-0.json"
    content = json.loads(record.read_text(encoding="utf-8"))
    assert content["curve"]["train"][1] < content["curve"]["train"][0]
    before = record.stat().st_mtime_ns
    (tmp_path / "trainings" / "lenet-5-kfac-1-0.json").unlink()
    assert run.invoke(app, [*LINE, "--out", str(tmp_path)]).exit_code == 0
    assert record.stat().st_mtime_ns == before
    other = run.invoke(app, [*LINE, "--out", str(tmp_path), "--updates", "40"], env={"COLUMNS": "300"})
    assert other.exit_code == 2 and "with other settings" in other.output
