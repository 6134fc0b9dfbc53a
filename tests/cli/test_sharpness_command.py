import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from tfapp.cli.main import app
from tfapp.cli.sharpness import parse_sizes
from tfapp.errors import InputError
from tfapp.runs.run import Solution


def build_model(seed):
    keras.utils.set_random_seed(seed)
    layers = [
        keras.layers.Conv2D(3, 3, padding="same"),
        keras.layers.BatchNormalization(),
        keras.layers.ReLU(),
    ]
    layers.append(keras.layers.Conv2D(2, 1, activation="softmax"))
    model = keras.Sequential([keras.Input((6, 6, 1)), *layers])
    model.compile(loss="sparse_categorical_crossentropy")
    return model


def sample(count, seed):
    rng = np.random.default_rng(seed)
    assert count == 5
    return rng.random((5, 6, 6, 1), np.float32), rng.integers(0, 2, (5, 6, 6)), np.ones((5, 6, 6), "f4")


@pytest.fixture
def invoke(monkeypatch, tmp_path):
    """Return a function that runs the command on two run folders, or on those that are named."""
    models = {name: build_model(seed) for seed, name in enumerate(("first", "second"))}

    def open_run(path):
        solution = Solution(tmp_path / path.name, "Unet", lambda: models[path.name], sample)
        return SimpleNamespace(check_trained=lambda: None, solution=lambda: solution)

    monkeypatch.setattr("tfapp.cli.sharpness.open_run", open_run)

    def run(*options, runs=("first", "second")):
        arguments = [*runs, "--samples", "5", "--batch-size", "4", "--repeats", "2", *options]
        return CliRunner().invoke(app, ["sharpness", *arguments], env={"COLUMNS": "140"})

    return run


@pytest.mark.slow
def test_the_command_prints_runs_by_sizes_and_writes_files_and_a_comparison(invoke, tmp_path):
    result = invoke("--eps", "1e-2,5e-3")
    assert result.exit_code == 0, result.output
    for text in (
        "ε = 0.01 [%]",
        "ε = 0.005 [%]",
        "first",
        "second",
        "≥ ",
        " ± ",
        "evaluations",
        "at the border",
    ):
        assert text in result.output
    assert {path.name for path in (tmp_path / "second" / "landscape").iterdir()} == {"sharpness.json"}
    assert {path.name for path in (tmp_path / "first" / "landscape").iterdir()} == {
        "sharpness.json",
        "sharpness-comparison.png",
    }
    entry = json.loads((tmp_path / "first" / "landscape" / "sharpness.json").read_text())["sharpness"][0]
    assert {size: len(trials) for size, trials in entry["trials"].items()} == {"0.01": 2, "0.005": 2}


@pytest.mark.slow
def test_the_hessian_is_added_on_demand_with_its_spectra(invoke, tmp_path):
    result = invoke("--eps", "1e-3", "--repeats", "1", "--hessian")
    assert result.exit_code == 0, result.output
    for text in (
        "Hessian of the training loss",
        "largest",
        "loss along the first",
        "smallest",
        "trace",
        "exact",
    ):
        assert text in result.output
    assert "--products differences" not in result.output
    for path in ("first/landscape/spectrum.png", "second/landscape/spectrum.png"):
        assert (tmp_path / path).is_file() and f"wrote {tmp_path / path}" in result.output
    assert (tmp_path / "first/landscape/spectra-comparison.png").is_file()


@pytest.mark.slow
def test_runs_whose_hessians_were_not_measured_alike_are_said_to_be_so(invoke, tmp_path):
    assert invoke("--eps", "1e-3", "--hessian", runs=["first"]).exit_code == 0
    file = tmp_path / "first" / "landscape" / "sharpness.json"
    content = json.loads(file.read_text())
    content["hessian"][0] |= {"method": "differences", "step": 1e-3}
    file.write_text(json.dumps(content))
    result = invoke("--eps", "1e-3", "--hessian")
    assert (
        "h = 0.001 |w|" in result.output and "compare the runs with --products differences" in result.output
    )


@pytest.mark.slow
def test_the_command_reads_what_is_complete_and_starts_over_on_request(invoke, tmp_path):
    file = tmp_path / "first" / "landscape" / "sharpness.json"
    options = ("--eps", "1e-3", "--subspace", "3", "--columns", "unit")
    assert invoke(*options, runs=["first"]).exit_code == 0
    written = file.stat().st_mtime_ns
    assert invoke(*options, runs=["first"]).exit_code == 0 and file.stat().st_mtime_ns == written
    assert invoke(*options, "--overwrite", runs=["first"]).exit_code == 0
    assert file.stat().st_mtime_ns > written


@pytest.mark.parametrize(
    "options,message",
    [
        (["--eps", "a"], "--eps expects positive numbers such as 1e-3,5e-4; got 'a'"),
        (["--box", "ball"], "--box must be one of"),
        (["--subspace", "100000"], "--subspace must be an integer from 1 to"),
        (["--subspace", "2", "--box", "filter"], "A random subspace has no filters"),
    ],
)
def test_bad_options_end_in_one_sentence_and_write_nothing(invoke, tmp_path, options, message):
    result = invoke(*options)
    assert result.exit_code == 2 and message in result.output and "Traceback" not in result.output
    assert not list(tmp_path.rglob("*"))


@pytest.mark.parametrize("text", ["", "0", "-1e-3", "1e-3,", "1e-3;5e-4", "inf", "nan"])
def test_sizes_that_are_not_positive_numbers_are_refused(text):
    with pytest.raises(InputError, match="--eps expects positive numbers"):
        parse_sizes(text)


def test_sizes_are_read_in_their_order():
    assert parse_sizes("1e-3, 5e-4") == (1e-3, 5e-4)


def test_size_that_is_named_twice_is_measured_once():
    assert parse_sizes("1e-3,5e-4,0.001") == (1e-3, 5e-4)
