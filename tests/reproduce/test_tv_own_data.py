"""`tfapp reproduce tv-study` and `noise-table` through the whole command line, on tiny datasets."""

import csv
from dataclasses import dataclass

import pytest
from typer.testing import CliRunner

from tests.conftest import write_folder
from tfapp.cli.main import app
from tfapp.segmentation.config import TrainConfig

ONE = "--settings base --methods softmax,implicit --seeds 3 --resize 16".split()


@dataclass(frozen=True)
class SmallNetwork(TrainConfig):
    """The configuration of a training with a small network by default."""

    base_width: int = 2
    depth: int | None = 2


def study(data, out, *options):
    arguments = ["reproduce", "tv-study", f"folder:{data}", "--out", out, "--steps-per-epoch", 1, *options]
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("data") / "own", 10)


@pytest.fixture(scope="module")
def finished(own, two_weights, tmp_path_factory):
    """The base setting of two methods, one seed."""
    out = tmp_path_factory.mktemp("study")
    result = study(own, out, *ONE)
    assert result.exit_code == 0, result.output
    return out, result.output


@pytest.mark.reproduce
def test_table_compares_with_the_baseline_behind_the_plain_network(finished):
    out, output = finished
    table = (out / "tv-study.md").read_text(encoding="utf-8")
    assert table.splitlines()[0] == "| setting | noise | Unet+TV mIoU | Unet −Unet+TV | implicit −Unet+TV |"
    assert table in output


@pytest.mark.reproduce
def test_csv_has_a_row_for_every_noise_of_every_method(finished):
    with (finished[0] / "tv-study.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["title"] for row in rows} == {"Unet", "Unet+TV", "implicit"}
    assert len(rows) == 3 * 7 and {row["seed"] for row in rows} == {"3"}


@pytest.mark.reproduce
def test_a_finished_study_is_not_trained_again(own, finished):
    out, _ = finished
    models = sorted(out.glob("base/*/model.keras"))
    before = [model.stat().st_mtime_ns for model in models]
    assert study(own, out, *ONE).exit_code == 0
    assert len(models) == 2 and [model.stat().st_mtime_ns for model in models] == before


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--settings", "base,tiny", "--settings 'tiny' is unknown; choose of: base, few, many, long, sgd."),
        ("--methods", "magic", "--methods 'magic' is unknown; choose of: softmax, one-step, implicit"),
        ("--seeds", "a", "--seeds"),
        ("--resize", "big", "--resize"),
    ],
)
def test_bad_option_is_named_before_anything_is_written(own, tmp_path, option, value, message):
    result = study(own, tmp_path / "study", option, value)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
    assert not (tmp_path / "study").exists()


@pytest.mark.reproduce
def test_noise_table_trains_evaluates_and_writes(tmp_path, monkeypatch):
    monkeypatch.setattr("tfapp.segmentation.config.TrainConfig", SmallNetwork)
    line = "reproduce noise-table cells:12:32 --seeds 0,1 --epochs 1 --steps-per-epoch 1 --batch-size 2"
    result = CliRunner().invoke(app, [*line.split(), "--out", str(tmp_path / "table")])
    assert result.exit_code == 0, result.output
    header = (tmp_path / "table" / "noise-table.md").read_text().splitlines()[0]
    assert "Unet mIoU | Unet+TV(1) mIoU | RUnet mIoU" in header
    assert "±" in (tmp_path / "table" / "noise-table.md").read_text()
