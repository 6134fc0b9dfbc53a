import json
import shlex
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from tests.transfer.small_images import LOW, SIDE
from tfapp.cli.main import app
from tfapp.reproduce.transfer import scales
from tfapp.reproduce.transfer.scales import SCALES


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


def test_table_5_2_has_both_readings_and_the_control_over_seeds(place):
    printed = reproduce("transfer-table-5.2", place)
    table = (place / "out" / "transfer-table-5.2.md").read_text()
    for title in ("HR", "LR", "ours, own cluster", "ours, nearest centroid", "same network, not trained"):
        assert f"| {title} |" in table and title in printed
    assert "over 2 seeds" in table and " ± " in table


def test_table_5_1_has_every_size_over_seeds(place):
    reproduce("transfer-table-5.1", place)
    content = json.loads((place / "out" / "transfer-table-5.1" / "grid.json").read_text())
    assert len(content["cells"]) == 8
    assert (place / "out" / "transfer-table-5.1" / "grid.png").is_file()


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
