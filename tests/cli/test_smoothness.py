"""`tfapp smoothness` as a person types it."""

import pytest
from typer.testing import CliRunner

from tfapp.cli.main import app

SHORT = ["--updates", "4", "--every", "2", "--batch-size", "8"]


def tfapp(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})


@pytest.mark.slow
def test_twins_are_trained_measured_and_written_and_not_done_twice(tmp_path):
    line = ["smoothness", "lenet-5", "digits:120", "--out", tmp_path, "--twins", "batch-norm", *SHORT]
    result = tfapp(*line)
    assert result.exit_code == 0, result.output
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"smoothness.md", "smoothness.csv", "smoothness.png", "trainings"}
    rows = (tmp_path / "smoothness.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0].startswith("network,training,updates,loss,gradient,loss_min") and len(rows) == 1 + 2 * 2
    histories = list(tmp_path.glob("trainings/*/history.csv"))
    before = [path.stat().st_mtime_ns for path in histories]
    assert len(histories) == 2 and tfapp(*line).exit_code == 0
    assert [path.stat().st_mtime_ns for path in histories] == before
    other = tfapp(*line, "--layers", "1")
    assert other.exit_code == 2 and "other settings; choose another --out, or remove it with --overwrite" in (
        " ".join(other.output.split())
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["lenet-5", "digits:80", "--twins", "norm"], "Unknown --twins 'norm'"),
        (
            ["lenet-5", "digits:80", "--learning-rate", "fast"],
            "--learning-rate must be different numbers above 0",
        ),
        (["lenet-5", "digits:80", "--factors", "1,1"], "--factors must be different numbers above 0"),
        (
            ["lenet-5", "digits:80", "--updates", "5", "--every", "2"],
            "--updates must be a multiple of --every",
        ),
        (["two-layer", "digits:80", "--twins", "batch-norm"], "--batch-norm is for lenet-5"),
        (["no-net", "digits:80"], "Unknown classifier 'no-net'"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(tmp_path, arguments, words):
    result = tfapp("smoothness", *arguments, "--out", tmp_path / "out")
    assert result.exit_code == 2 and words in " ".join(result.output.split()), result.output
    assert not (tmp_path / "out").exists()
