"""The studies of feature transfer for low-resolution images: their commands, and how results become rows."""

import json
import shlex
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from tests.transfer.small_images import LOW, SIDE, write_backbone_with_statistics
from tfapp.cli.main import app
from tfapp.reproduce.transfer import degradation_study, scales
from tfapp.reproduce.transfer.published import published_grid, published_grid_table, published_precisions
from tfapp.reproduce.transfer.scales import SCALES
from tfapp.reproduce.transfer.studies import merged_grid, precisions_by_class, table_5_2


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
    assert "| mean |" in table and "| 78.1 |" in table


@pytest.mark.reproduce
def test_table_5_1_has_every_size_over_seeds(place):
    reproduce("transfer-table-5.1", place)
    content = json.loads((place / "out" / "transfer-table-5.1" / "grid.json").read_text())
    assert len(content["cells"]) == 8 and content["validation_share"] == 0.25
    assert "| N1 = 4096 | 80.0 |" in (place / "out" / "transfer-table-5.1" / "grid.md").read_text()
    assert (place / "out" / "transfer-table-5.1" / "grid.png").is_file()


@pytest.mark.reproduce
@pytest.mark.parametrize(("number", "name"), [("5.1", "tsne-train.png"), ("5.3", "tsne.png")])
def test_figures_are_drawn_for_each_seed(place, number, name):
    reproduce(f"transfer-figure-{number}", place, seeds="1")
    assert (place / "out" / "runs" / "seed-1" / "figures" / name).is_file()


def test_paper_scale_is_the_protocol_of_the_text():
    """Sections 5.3.2 and 5.3.3: SGD, decay .0005, batch 1,000, 31,561 iterations, rate .01, by ten every 15,000."""
    scale = SCALES["paper"]
    config = scale.config
    assert (config.solver, config.parameter(), config.weight_decay) == ("sgd-momentum", 0.01, 0.0005)
    assert (config.batch_size, config.iterations, config.decay_every) == (1000, 31_561, 15_000)
    assert (config.hidden, config.clusters, config.high, config.low) == (4096, 100, 224, 32)
    assert (scale.hidden, scale.clusters) == tuple(
        tuple(sorted({sizes[place] for sizes in published_grid()})) for place in (0, 1)
    )


def test_printed_means_are_those_of_the_printed_classes():
    for row in published_precisions().values():
        classes = [value for name, value in row.items() if name != "mean"]
        assert len(classes) == 20 and sum(classes) / 20 == pytest.approx(row["mean"], abs=0.051)


def test_printed_grid_has_its_best_where_the_text_says():
    """ "N2 = 100 and N1 = 4096 for the neurons give us the best performance"."""
    printed = published_grid()
    assert printed[4096, 100] == max(printed.values()) == 0.8
    assert published_grid_table().rows[-1] == ["N1 = 4096", "80.0", "80.0", "80.0", "79.5", "79.3", "79.4"]


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


def test_printed_precisions_stand_beside_classes_of_the_same_name():
    content = {
        "class_names": ["bird", "own"],
        "features": [
            {
                "name": "low",
                "title": "LR",
                "average_precision": {"area": [0.5, 0.25]},
                "mean": {"area": 0.375},
            }
        ],
    }
    table = precisions_by_class([content], "area")
    assert table.rows == [["bird", "50.0", "77.5"], ["own", "25.0", "–"], ["mean", "37.5", "78.1"]]


@pytest.mark.slow
def test_grids_of_several_seeds_are_joined_and_their_baselines_averaged():
    grids = [{"ap": "area", "low": low, "high": 0.9, "cells": [low]} for low in (0.4, 0.6)]
    assert merged_grid(grids) == {"ap": "area", "low": pytest.approx(0.5), "high": 0.9, "cells": [0.4, 0.6]}


@pytest.mark.reproduce
def test_study_of_few_labels_has_a_curve_of_every_kind_of_features(place):
    backbone = write_backbone_with_statistics(place / "with-statistics.keras")
    options = f"--high {2 * SIDE} --low {LOW} --iterations 20 --clusters 4 --draws 2 --networks 2"
    paths = f"--data labels:{place / 'images'} --out {place / 'few'} --backbone {backbone}"
    result = tfapp(f"reproduce transfer-study {paths} {options} --labels-per-class 1,all")
    assert result.exit_code == 0, result.output
    content = json.loads((place / "few" / "transfer-study.json").read_text())
    names = [one["name"] for one in content["features"]]
    assert {"own", "nearest", "features", "joined", "batch-norm", f"side={SIDE}"} < set(names)
    assert (place / "few" / "transfer-study.png").is_file()


@pytest.mark.reproduce
def test_study_of_degradations_has_a_row_of_every_level(place, monkeypatch):
    monkeypatch.setattr(degradation_study, "LEVELS", {"blur": (1.0, 2.0), "jpeg": (5.0,)})
    options = (
        f"--data labels:{place / 'images'} --high {SIDE} --out {place / 'worse'} --iterations 20 --clusters 4"
    )
    result = tfapp(
        f"reproduce transfer-degradations {options} --backbone {place / 'small.keras'} --labels 1 --draws 2"
    )
    assert result.exit_code == 0, result.output
    rows = json.loads((place / "worse" / "transfer-degradations.json").read_text())
    assert [(row["kind"], row["level"]) for row in rows] == [("blur", 1.0), ("blur", 2.0), ("jpeg", 5.0)]
    assert "| blur=2 |" in (place / "worse" / "transfer-degradations.md").read_text()


@pytest.mark.reproduce
def test_study_of_sizes_tests_each_network_at_each_size(place):
    options = (
        f"--data labels:{place / 'images'} --high {SIDE} --low 8,4 --iterations 20 --clusters 4 --labels 1"
    )
    paths = f"--out {place / 'sizes'} --backbone {place / 'small.keras'}"
    result = tfapp(f"reproduce transfer-sizes {options} {paths} --draws 2 --networks 2")
    assert result.exit_code == 0, result.output
    rows = json.loads((place / "sizes" / "transfer-sizes.json").read_text())
    assert [row["trained"] for row in rows] == [[4], [8], [4, 8]]
    table = (place / "sizes" / "transfer-sizes.md").read_text()
    assert "ours, trained on 4 and 8" in table and "tested on 8x8" in table
    assert (place / "sizes" / "transfer-sizes.png").is_file()
