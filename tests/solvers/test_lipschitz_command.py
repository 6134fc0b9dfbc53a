"""`tfapp solvers lipschitz` on generated digits."""

import csv
import json

import keras
import pytest
from typer.testing import CliRunner

from tfapp.cli.main import app
from tfapp.solvers.trainings.classifier_source import open_classifier


@pytest.fixture
def invoke(tmp_path):
    """Return a function that runs a command with `--out` in the test's own folder."""

    def run(*arguments, out="out"):
        given = [*map(str, arguments), "--out", str(tmp_path / out)]
        return CliRunner().invoke(app, given, env={"COLUMNS": "120"})

    return run


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


OPTIONS = ("--steps", 3, "--batch-size", 10)


def test_built_in_network_has_its_estimate_printed_and_written(invoke, tmp_path):
    result = invoke("solvers", "lipschitz", "two-layer", "digits:60", *OPTIONS)
    assert result.exit_code == 0, result.output
    assert "quantile 0.99" in result.output and "L for BPGrad with momentum 0.9" in result.output
    content = json.loads((tmp_path / "out" / "lipschitz.json").read_text())
    assert (content["model"], content["steps"], content["num_slopes"]) == ("two-layer", 3, 3)
    assert content["lipschitz"] == pytest.approx(10 * content["quantile_slope"])
    slopes = rows_of(tmp_path / "out" / "slopes.csv")
    assert max(float(row["slope"]) for row in slopes) == pytest.approx(content["max"])
    assert (tmp_path / "out" / "slopes.png").is_file()


def test_initialisations_are_said_to_be_useless(invoke):
    result = invoke("solvers", "lipschitz", "two-layer", "digits:60", *OPTIONS, "--mode", "inits")
    assert result.exit_code == 0 and "thousands of times too small" in result.output


def saved(tmp_path, shape=(14, 14, 1), compiled=True):
    model = keras.Sequential([keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(10)])
    if compiled:
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.save(tmp_path / "own.keras")
    return tmp_path / "own.keras"


@pytest.mark.slow
def test_saved_model_gets_images_of_its_size_and_scale(invoke, tmp_path):
    small, large = (
        invoke(
            "solvers", "lipschitz", saved(tmp_path), "digits:60", *OPTIONS, "--input-scale", scale, out=scale
        )
        for scale in ("1", "255")
    )
    assert small.exit_code == large.exit_code == 0, small.output + large.output
    numbers = [
        json.loads((tmp_path / scale / "lipschitz.json").read_text())["max_gradient_norm"]
        for scale in ("1", "255")
    ]
    assert numbers[1] > 20 * numbers[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dtype", "given", "white"), [("uint8", None, 255), ("float32", None, 255), ("float32", 1.0, 1)]
)
@pytest.mark.filterwarnings("ignore:.*seems to take 255")
def test_saved_model_gets_the_white_that_it_declares_unless_it_is_said(tmp_path, dtype, given, white):
    first = [] if dtype == "uint8" else [keras.layers.Rescaling(1 / 255)]
    model = keras.Sequential(
        [keras.Input((8, 8, 1), dtype=dtype), *first, keras.layers.Flatten(), keras.layers.Dense(10)]
    )
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.save(tmp_path / "own.keras")
    opened, batches, scale, _ = open_classifier(
        str(tmp_path / "own.keras"), "digits:60", batch_size=8, seed=0, input_scale=given
    )
    images, _ = next(iter(batches))
    assert (scale, images.dtype) == (white, dtype) and images.numpy().max() > 0.8 * white


@pytest.mark.parametrize(
    "model, options, message",
    [
        (lambda folder: "lenet-6", (), "Unknown classifier 'lenet-6'"),
        (lambda folder: folder / "none.keras", (), "none.keras does not exist"),
        (lambda folder: saved(folder, compiled=False), (), "was saved without its loss"),
        (
            lambda folder: saved(folder, shape=(14, 14, 3)),
            (),
            "expected (None, height, width, 1) for digits:60",
        ),
        (lambda folder: "two-layer", ("--momentum", "1"), "--momentum must lie in [0, 1)"),
        (lambda folder: "two-layer", ("--pairs", "all"), '`same_batch` must be False with pairs="all"'),
        (lambda folder: "two-layer", ("--batch-size", "49"), "The batch size must be from 1 to 48"),
        (lambda folder: "two-layer", ("--learning-rate", "1e30"), "try a smaller --learning-rate"),
    ],
)
def test_bad_input_ends_in_one_sentence_and_writes_nothing(invoke, tmp_path, model, options, message):
    result = invoke("solvers", "lipschitz", model(tmp_path), "digits:60", *OPTIONS, *options)
    assert result.exit_code == 2 and message in result.output and "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_damaged_model_file_ends_in_one_sentence(invoke, tmp_path):
    (tmp_path / "own.keras").write_text("no model")
    result = invoke("solvers", "lipschitz", tmp_path / "own.keras", "digits:60")
    assert result.exit_code == 2 and "cannot be loaded as a Keras model" in result.output
