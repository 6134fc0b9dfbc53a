"""The commands on image pairs, as a person types them."""

import csv
import json

import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.conftest import write_pairs
from tfapp.cli.main import app

TINY = "--base-width 4 --depth 2 --epochs 1 --steps-per-epoch 2 --batch-size 2 --resize 32 --test-share 0.4".split()


def tfapp(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def said(result):
    return " ".join(result.output.split())


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp("pairs") / "rain drops")


@pytest.fixture(scope="module")
def run(pairs, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "my run"
    result = tfapp("train", f"raindrop:{pairs}", "--out", out, *TINY)
    assert result.exit_code == 0, result.output
    return out


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "cells"
    result = tfapp("train", "cells:9:32", "--out", out, "--head", "softmax", *TINY)
    assert result.exit_code == 0, result.output
    return out


@pytest.mark.slow
def test_head_and_loss_by_default_are_those_of_image_pairs(run):
    config = json.loads((run / "run.json").read_text())["config"]
    assert (config["head"], config["loss"]) == ("identity", "mse")


def test_the_same_command_goes_on(pairs, run):
    before = (run / "model.keras").stat().st_mtime_ns
    assert tfapp("train", f"raindrop:{pairs}", "--out", run, *TINY).exit_code == 0
    assert (run / "model.keras").stat().st_mtime_ns == before


def test_data_show_prints_the_likeness_and_writes_a_sheet(pairs, tmp_path):
    result = tfapp("data", "show", f"raindrop:{pairs}", "--out", tmp_path / "sheet.png")
    assert result.exit_code == 0, result.output
    assert "6 images" in said(result) and "PSNR" in said(result) and "SSIM" in said(result)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 300


def test_evaluate_prints_and_writes_psnr_and_ssim(run):
    result = tfapp("evaluate", run)
    assert result.exit_code == 0, result.output
    assert "PSNR" in said(result) and "as made" in said(result)
    with (run / "figures" / "restoration.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 and float(rows[0]["SSIM made"]) <= 1
    assert (run / "figures" / "restoration.png").is_file()
    assert "made" in json.loads((run / "metrics.json").read_text())["Unet"]["mean"]


@pytest.mark.slow
def test_evaluate_on_named_pairs_leaves_the_metrics_of_the_run_and_takes_its_test_images(
    run, pairs, tmp_path
):
    tfapp("evaluate", run)
    before = (run / "metrics.json").read_bytes()
    result = tfapp("evaluate", run, f"raindrop:{pairs}", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert "of its 6 images the 2 test image(s) of that run are taken" in said(result)
    assert len((tmp_path / "restoration.csv").read_text().splitlines()) == 3
    assert (run / "metrics.json").read_bytes() == before


def test_predict_writes_images(run, tmp_path):
    Image.new("RGB", (50, 40)).save(tmp_path / "photo.jpg")
    result = tfapp("predict", run, tmp_path / "photo.jpg", "--out", tmp_path / "made")
    assert result.exit_code == 0, result.output
    assert [file.name for file in (tmp_path / "made").iterdir()] == ["photo.png"]
    with Image.open(tmp_path / "made" / "photo.png") as picture:
        assert picture.size == (50, 40)


@pytest.mark.slow
def test_landscape_of_a_run_on_image_pairs(run):
    result = tfapp("landscape", run, "--n", "3", "--samples", "2")
    assert result.exit_code == 0, result.output
    assert list((run / "landscape").glob("*.npz"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("evaluate {run} --noise gaussian=0.1", "--noise is for segmenters; "),
        ("evaluate {run} --post-tv 1", "--post-tv is for segmenters; "),
        ("evaluate {run} --membrane-scores", "--membrane-scores is for segmenters; "),
        ("evaluate {run} {segmenter}", "evaluate them apart"),
        ("evaluate {run} cells:9:32", "was trained on image pairs"),
        ("evaluate {segmenter} raindrop:{pairs}", "holds image pairs; "),
        ("evaluate {segmenter} --membrane-scores", "two classes of which one is called 'membrane'"),
        ("export {run} {tmp}/served", "tfapp export is for segmenters; "),
        ("report {run} --out {tmp}/report.html", "A report is for segmenters; "),
        (
            "train raindrop:{pairs} --out {tmp}/new --head softmax",
            "holds image pairs, not classes: use --loss mse",
        ),
        ("train raindrop:{pairs} --out {tmp}/new --loss cross-entropy", "gives no probabilities for"),
        ("reproduce noise-table raindrop:{pairs} --out {tmp}/table", "holds image pairs, not classes"),
    ],
)
def test_what_does_not_apply_gets_one_sentence(run, segmenter, pairs, tmp_path, arguments, sentence):
    names = {"run": run, "segmenter": segmenter, "pairs": pairs, "tmp": tmp_path}
    result = tfapp(*(argument.format(**names) for argument in arguments.split()))
    assert result.exit_code == 2
    assert sentence in said(result)
    assert "Traceback" not in result.output
    assert list(tmp_path.iterdir()) == []
