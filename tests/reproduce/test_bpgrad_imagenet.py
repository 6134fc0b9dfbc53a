"""Figures 3.21 and A.9 and table 3.2, AlexNet on ImageNet: rows by hand, what is refused, and a training."""

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tfapp.cli.main import app
from tfapp.errors import InputError
from tfapp.reproduce.bpgrad import imagenet
from tfapp.reproduce.bpgrad.comparisons import text_solvers
from tfapp.solvers.trainings.comparison import Comparison


def result(solver, value, train_error, test_error, seed=0, diverged=False):
    return {
        **{"solver": solver, "value": value, "seed": seed, "diverged": diverged},
        **({} if diverged else {"train_error": train_error, "test_error": test_error}),
    }


def test_rows_are_errors_beside_the_printed_ones_best_validation_error_first():
    results = Comparison(
        [
            result("adam:beta_1=0.9", 0.001, 60.0, 70.0),
            result("adam:beta_1=0.9", 0.001, 62.0, 72.0, seed=1),
            result("sgd-momentum", "0.1..0.0001", 30.0, 40.0),
            result("eve", 0.001, 0, 0, diverged=True),
        ]
    )
    assert imagenet.error_table(results).rows == [
        ["SGD, μ = 0.9", "rate 0.1..0.0001", "30.0", 28.6, "40.0", 42.1],
        ["Adam", "rate 0.001", "61.0 ± 1.4", 70.0, "71.0 ± 1.4", 72.8],
        ["Eve (1 diverged)", "rate 0.001", "–", "–", "–", "–"],
    ]


def test_settings_of_the_text_are_those_of_section_3_4_3_3_and_appendix_a_7():
    assert text_solvers(imagenet.PRESET) == {
        "adagrad:rho=1:epsilon=1e-10": 0.001,
        "adadelta:rho=0.9:epsilon=1e-6": 1.0,
        "rmsprop:rho=0.99:epsilon=1e-8": 0.001,
        "adam:beta_1=0.9:beta_2=0.999:epsilon=1e-8": 0.001,
        "sgd-momentum": "0.1..0.0001",
        "bpgrad:form=authors:decay=in-gradient:mean=epoch": 100.0,
    }
    options, epochs = imagenet.SETTINGS["paper"]
    assert (options["batch_size"], options["size"], epochs) == (256, 227, 20)


def test_adam_has_both_values_of_beta_and_one_rate():
    assert imagenet.adam_settings(imagenet.PRESET) == {
        "adam:beta_1=0.9:beta_2=0.999:epsilon=1e-8": 0.001,
        "adam:beta_1=0.99:beta_2=0.999:epsilon=1e-8": 0.001,
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"data": "digits"},
            "expected `data` FOLDER or imagenet:FOLDER; got 'digits'. MNIST is that of bpgrad-fig",
        ),
        ({"data": "/nowhere/at/all"}, "Folder /nowhere/at/all .* does not exist"),
    ],
)
def test_other_images_are_refused(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        imagenet.figure_3_21(out=tmp_path / "out", progress=None, command="", **options)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def folder(tmp_path):
    """Two classes of noise, of which one is darker, in the layout of ImageNet."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 6), ("test", 3)):
        for number, name in enumerate(("n1", "n2")):
            (tmp_path / "data" / split / name).mkdir(parents=True)
            for image in range(count):
                pixels = rng.integers(0, 128 * (number + 1), (40, 44, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / "data" / split / name / f"{image}.png")
    return tmp_path / "data"


@pytest.mark.slow
@pytest.mark.reproduce
def test_figure_and_table_share_their_trainings(tmp_path, folder, monkeypatch):
    monkeypatch.setitem(imagenet.SETTINGS, "small", ({"size": 34, "batch_size": 6}, 2))
    options = ["--data", folder, "--out", tmp_path / "out", "--seeds", "0"]
    solvers = ["--solvers", "sgd-momentum=0.01..0.001,bpgrad=100:decay=in-gradient:mean=epoch"]
    texts = {}
    for name in ("figure-3.21", "table-3.2"):
        done = CliRunner().invoke(app, ["reproduce", f"bpgrad-{name}", *map(str, options), *solvers])
        assert done.exit_code == 0, done.output
        texts[name] = {file.parent: file.read_text() for file in tmp_path.rglob("history.csv")}
    assert len(texts["figure-3.21"]) == 2 and texts["figure-3.21"] == texts["table-3.2"]
    table = (tmp_path / "out" / "bpgrad-table-3.2.md").read_text()
    assert "| SGD, μ = 0.9 | rate 0.01..0.001 |" in table and "42.1 |" in table
    assert (tmp_path / "out" / "comparison.png").is_file()
