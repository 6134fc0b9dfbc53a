"""The studies of feature transfer for low-resolution images: their commands, and how results become rows."""

import json
import shlex
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from tests.transfer.small_images import LOW, SIDE
from tfapp.cli.main import app
from tfapp.reproduce.transfer import scales
from tfapp.reproduce.transfer.scales import SCALES
from tfapp.reproduce.transfer.studies import merged_grid, table_5_2


def tfapp(line):
    return CliRunner().invoke(app, shlex.split(line), env={"COLUMNS": "200"})


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """The small scale, smaller: the commands are what is tested here."""
    settings = {"high": SIDE, "low": LOW, "hidden": 8, "clusters": 4, "iterations": 20, "batch_size": 12}
    config = replace(SCALES["small"].config, **settings)
    scale = replace(SCALES["small"], config=config, costs=(1.0,), hidden=(4, 8), clusters=(2, 3))
    monkeypatch.setitem(scales.SCALES, "small", scale)


def reproduce(name, place, seeds="0,1"):
    options = f"--data labels:{place / 'images'} --backbone {place / 'small.keras'} --seeds {seeds}"
    result = tfapp(f"reproduce {name} {options} --out {place / 'out'}")
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.reproduce
def test_table_5_2_has_both_readings_and_the_control_over_seeds(place):
    printed = reproduce("transfer-table-5.2", place)
    table = (place / "out" / "transfer-table-5.2.md").read_text()
    for title in ("HR", "LR", "ours, own cluster", "ours, nearest centroid", "same network, not trained"):
        assert f"| {title} |" in table and title in printed
    assert "over 2 seeds" in table and " ± " in table


@pytest.mark.reproduce
def test_table_5_1_has_every_size_over_seeds(place):
    reproduce("transfer-table-5.1", place)
    content = json.loads((place / "out" / "transfer-table-5.1" / "grid.json").read_text())
    assert len(content["cells"]) == 8
    assert (place / "out" / "transfer-table-5.1" / "grid.png").is_file()


@pytest.mark.reproduce
def test_figure_5_3_is_drawn_for_each_seed(place):
    reproduce("transfer-figure-5.3", place, seeds="1")
    assert (place / "out" / "runs" / "seed-1" / "figures" / "tsne.png").is_file()


@pytest.mark.parametrize(
    "options, sentence",
    [
        ("--scale paper", "Say the backbone, such as --backbone ResNet101 --weights FILE"),
        ("--scale huge", "Unknown --scale 'huge'; choose one of: small, paper"),
        ("--seeds 1,1", "--seeds '1,1' is not understood"),
    ],
)
def test_bad_input_gets_one_sentence(place, tmp_path, options, sentence):
    result = tfapp(
        f"reproduce transfer-table-5.2 --data labels:{place / 'images'} --out {tmp_path / 'o'} {options}"
    )
    assert result.exit_code == 2 and sentence in result.output and not (tmp_path / "o").exists()


def metrics(low, accuracy=0.5):
    features = [
        {"title": title, "dimension": 4, "mean": {"area": value, "11-point": value}, "accuracy": accuracy}
        for title, value in (("HR", 0.9), ("LR", low))
    ]
    return {"features": features}


def test_table_has_the_mean_and_the_spread_over_seeds():
    table = table_5_2([metrics(0.50), metrics(0.52)])
    assert table.header == ["features", "length", "mAP area %", "mAP 11-point %", "accuracy %"]
    assert table.rows[1] == ["LR", "4", "51.00 ± 1.41", "51.00 ± 1.41", "50.00 ± 0.00"]


def test_images_of_several_classes_have_no_accuracy():
    table = table_5_2([metrics(0.5, accuracy=None)])
    assert len(table.header) == 4 and table.rows[0] == ["HR", "4", "90.00", "90.00"]


@pytest.mark.slow
def test_grids_of_several_seeds_are_joined_and_their_baselines_averaged():
    grids = [{"ap": "area", "low": low, "high": 0.9, "cells": [low]} for low in (0.4, 0.6)]
    assert merged_grid(grids) == {"ap": "area", "low": pytest.approx(0.5), "high": 0.9, "cells": [0.4, 0.6]}
