"""What no surface can be drawn of, through the whole command line: a sentence, exit code 2, and no file."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from small_segmenter import build_segmenter
from typer.testing import CliRunner

from tfapp.cli.main import app
from tfapp.errors import InputError
from tfapp.landscape import Surface, landscape
from tfapp.landscape.directions.random_directions import random_directions
from tfapp.runs.run import Solution

OPTIONS = ["--n", "3", "--samples", "10", "--batch-size", "4"]


@pytest.fixture
def command(monkeypatch, data, tmp_path):
    """Return a function that runs the command on a run folder with this model."""

    def run_with(model, *options, data=data):
        solution = Solution(tmp_path / "run", "U-Net", lambda: model, lambda *_: data)
        run = SimpleNamespace(solution=lambda **options: solution)
        monkeypatch.setattr("tfapp.cli.landscape.open_run", lambda path: run)
        arguments = ["landscape", str(solution.path), *OPTIONS, *options]
        return CliRunner().invoke(app, arguments, env={"TF_CPP_MIN_LOG_LEVEL": "3", "COLUMNS": "160"})

    return run_with


def said(result):
    return " ".join(result.output.split())


def uncompiled():
    inputs = keras.Input((8, 8, 2))
    return keras.Model(inputs, keras.layers.Conv2D(3, 1)(inputs))


def without_weights():
    inputs = keras.Input((8, 8, 2))
    model = keras.Model(inputs, keras.layers.Softmax()(keras.layers.ZeroPadding2D(0)(inputs)))
    model.compile(loss="sparse_categorical_crossentropy")
    return model


def without_loss():
    model = uncompiled()
    model.compile(optimizer="sgd")
    return model


def not_finite():
    model = build_segmenter()
    model.trainable_variables[0].assign(np.full((3, 3, 2, 4), np.nan))
    return model


@pytest.mark.parametrize(
    ("make", "options", "sentence"),
    [
        (uncompiled, [], "Expected a compiled and built model. Received: 'functional"),
        (without_weights, [], "has no weights to move"),
        (without_loss, [], "(No loss to compute. Provide a `loss` argument in `compile()`)."),
        (not_finite, [], "Expected a finite loss at the solution to draw what is around it. Received: nan"),
        (build_segmenter, ["--range", "0"], "--range expects a positive number or LOW:HIGH"),
        (build_segmenter, ["--range", "-1"], "--range expects a positive number or LOW:HIGH"),
        (build_segmenter, ["--range", "1e38", "--n", "4"], "NaN or infinity at all 16 points measured"),
        (build_segmenter, ["--range", "1e38", "--n", "4", "--exact"], "choose a smaller range"),
        (build_segmenter, ["--dask", "tcp://127.0.0.1:9"], "Expected a Dask scheduler with workers at tcp"),
        (build_segmenter, ["--dask", "nonsense"], "Expected a Dask scheduler with workers at nonsense"),
    ],
)
def test_unusable_input_is_refused_in_a_sentence_and_nothing_is_written(
    command, tmp_path, monkeypatch, make, options, sentence
):
    monkeypatch.setattr("tfapp.workers.SECONDS_TO_CONNECT", 1)
    result = command(make(), *options)
    assert result.exit_code == 2 and sentence in said(result)
    assert "Traceback" not in result.output and list(tmp_path.rglob("*")) == []


def test_directions_of_another_model_are_refused(command, tmp_path):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 2))
    other = keras.Model(inputs, keras.layers.Conv2D(3, 5, padding="same", activation="softmax")(inputs))
    file = tmp_path / "directions.npz"
    random_directions(other, seed=0).save(file)
    result = command(build_segmenter(), "--directions", str(file))
    assert result.exit_code == 2 and "has other parameters than model" in said(result)
    assert list(tmp_path.rglob("*")) == [file]


def test_targets_that_do_not_fit_are_refused(command, tmp_path, data):
    result = command(build_segmenter(), data=(data[0], data[1][:, :4], None))
    assert result.exit_code == 2 and "Expected a model and data that `model.evaluate` takes" in said(result)
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.slow
def test_an_even_number_is_accepted_and_the_solution_said_to_be_beside_the_grid(command, tmp_path):
    result = command(build_segmenter(), "--n", "4")
    assert result.exit_code == 0 and "is no point of this grid" in said(result)
    [file] = tmp_path.rglob("surface*.npz")
    assert np.isfinite(Surface.load(file).centre)


@pytest.mark.slow
def test_precision_that_was_measured_is_printed(command):
    result = command(build_segmenter(), "--bfloat16")
    assert result.exit_code == 0 and "bfloat16 - float32 at 5 points" in said(result)


def test_a_window_without_a_finite_loss_leaves_no_half_finished_file(data, tmp_path, monkeypatch):
    monkeypatch.setattr("tfapp.landscape.measure.SECONDS_BETWEEN_SAVES", 0.0)
    with pytest.raises(InputError, match="window in which some loss is finite"):
        landscape(build_segmenter(), *data, n=4, range=1e38, path=tmp_path / "surface.npz")
    assert list(tmp_path.iterdir()) == []
