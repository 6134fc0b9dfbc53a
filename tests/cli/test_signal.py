"""`tfapp signal` as a person types it."""

import pytest
from typer.testing import CliRunner

from tfapp.cli.main import app


def tfapp(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "160"})


def test_signal_of_a_network_along_its_training_is_written(tmp_path):
    result = tfapp("signal", "lenet-5", "digits:120", "--out", tmp_path, "--samples", "8", "--along", "2")
    assert result.exit_code == 0, result.output
    assert {path.name for path in tmp_path.iterdir()} == {"signal.md", "signal.csv", "signal.png"}
    text = (tmp_path / "signal.md").read_text(encoding="utf-8")
    assert "| conv1 | Conv2D |" in text and "| 0 updates |" in text and "| 2 updates |" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["lenet-5"], "lenet-5 needs images"),
        (["lenet-5", "digits:80"], "Say with --out"),
        (["lenet-5", "digits:80", "--out", "OUT", "--along", "3,2"], "--along expects rising numbers"),
        (["no-net", "digits:80", "--out", "OUT"], "no-net"),
        (["two-layer", "digits:80", "--out", "OUT", "--batch-norm"], "is for lenet-5, "),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(tmp_path, arguments, words):
    given = [str(tmp_path / "out") if argument == "OUT" else argument for argument in arguments]
    result = tfapp("signal", *given)
    assert result.exit_code == 2 and words in " ".join(result.output.split())
    assert not (tmp_path / "out").exists()
