"""`tfapp reproduce bpgrad-table-3.1` and the figures of solvers on functions, as a person types them."""

import csv

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tfapp.cli.main import app
from tfapp.report import figures as png_file
from tfapp.reproduce.bpgrad import analytic, loop, two_layer_distance

KNOWN = ["bpgrad-table-3.1", *(f"bpgrad-figure-3.{number}" for number in range(7, 14))]
# Of the last ones the text has no figure.
COMMANDS = [
    *KNOWN,
    "bpgrad-figure-3.4",
    "bpgrad-iterates",
    "bpgrad-rosenbrock-gaps",
    "bpgrad-two-layer-objectives",
]


def reproduce(*arguments):
    return CliRunner().invoke(app, ["reproduce", *map(str, arguments)], env={"COLUMNS": "200"})


def names(folder):
    return {path.name for path in folder.iterdir()}


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch):
    monkeypatch.setattr(png_file, "_DPI", 40)


@pytest.fixture
def quick(monkeypatch):
    """Four solvers and few updates instead of all."""
    monkeypatch.setattr(analytic, "ROSENBROCK_UPDATES", 20)
    monkeypatch.setattr(analytic, "ROSENBROCK_SOLVERS", analytic.ROSENBROCK_SOLVERS[:4])
    original = analytic.algorithm_2_path
    monkeypatch.setattr(analytic, "algorithm_2_path", lambda *given: original(*given[:3], 30))


@pytest.mark.parametrize("command", COMMANDS)
def test_bad_input_is_refused_before_anything_is_written(tmp_path, command):
    (tmp_path / "taken").write_text("")
    result = reproduce(command, "--out", tmp_path / "taken")
    assert result.exit_code == 2 and "--out must name a folder" in result.output
    result = reproduce(command, "--out", tmp_path / "out", "--scale", "huge")
    assert result.exit_code == 2 and "Unknown --scale 'huge'" in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.reproduce
@pytest.mark.parametrize(
    ("number", "ends"),
    [
        ("table-3.1", ("md", "csv")),
        ("figure-3.4", ("png", "md")),
        ("figure-3.7", ("png", "csv", "md")),
        ("figure-3.10", ("png", "csv")),
        ("figure-3.13", ("png", "csv")),
        ("rosenbrock-gaps", ("png", "csv")),
    ],
)
def test_command_writes_its_files(tmp_path, quick, number, ends):
    result = reproduce(f"bpgrad-{number}", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert names(tmp_path) == {f"bpgrad-{number}.{end}" for end in ends}


@pytest.mark.reproduce
def test_iterates_of_three_functions_are_drawn(tmp_path, quick):
    result = reproduce("bpgrad-iterates", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "bpgrad-iterates.png") as picture:
        assert picture.width > 400
    with (tmp_path / "bpgrad-iterates.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert len(rows) == 32 and len(rows[0]) == 13


@pytest.mark.reproduce
def test_two_layer_net_has_objectives_of_the_solvers(tmp_path):
    options = ["--solvers", "sgd=0.1,bpgrad=5", "--updates", "4"]
    result = reproduce("bpgrad-two-layer-objectives", "--out", tmp_path, *options)
    assert result.exit_code == 0, result.output
    assert names(tmp_path) == {f"bpgrad-two-layer-objectives.{end}" for end in ("png", "csv", "md")}
    text = (tmp_path / "bpgrad-two-layer-objectives.md").read_text(encoding="utf-8")
    assert "| BPGrad | full batch | L 5 |" in text and "| SGD | batches of 100 | rate 0.1 |" in text


@pytest.mark.reproduce
def test_two_layer_net_has_bounds_in_both_ways_of_training(tmp_path):
    result = reproduce("bpgrad-two-layer-bounds", "--out", tmp_path, "--updates", "4")
    assert result.exit_code == 0, result.output
    both = {
        f"bpgrad-two-layer-bounds-{way}.{end}" for way in ("full-batch", "batches") for end in ("png", "csv")
    }
    assert names(tmp_path) == both


@pytest.mark.slow
def test_constant_that_is_none_is_refused(tmp_path):
    result = reproduce("bpgrad-two-layer-bounds", "--out", tmp_path / "out", "--lipschitz", "0")
    assert result.exit_code == 2 and "--lipschitz must be a positive number" in result.output
    assert not (tmp_path / "out").exists()


def test_steps_by_eq_3_12_fall_into_a_loop_where_algorithm_1_covers_the_interval():
    places, search = loop.steps_by_3_12(), loop.search()
    first, length = loop.loop_of(places)
    later = places[first:]
    np.testing.assert_allclose(later[length:], later[:-length], atol=0.2)
    assert length == 2 and len(np.unique(np.round(later, 1))) <= 6
    assert later.max() < 6 and search.samples.max() > 11


def test_path_that_comes_back_to_no_place_has_no_loop():
    assert loop.loop_of(np.arange(10.0)) is None and loop.loop_of(np.array([0.0, 3.0, 5.0, 3.0])) == (1, 2)


@pytest.mark.reproduce
def test_distance_of_the_two_solutions_is_told_with_the_lengths(tmp_path, monkeypatch):
    monkeypatch.setattr(two_layer_distance, "EPOCHS", 1)
    result = reproduce("bpgrad-two-layer-net", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    with (tmp_path / "bpgrad-two-layer-net.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["solver"] for row in rows] == 2 * list(two_layer_distance.SOLVERS)
    lengths = [float(row["length at first"]) for row in rows]
    np.testing.assert_allclose(lengths, np.repeat([0.01, 0.1], 3) * np.sqrt(10200), rtol=0.02)
    assert [float(row["distance from SGD"]) == 0 for row in rows] == 2 * [True, False, False]
