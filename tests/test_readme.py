import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tfapp.cli.main import app

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = "".join(README.split("```")[1::2])
COMMANDS = re.findall(r"^(tfapp .+?)\s*(?:#.*)?$", BLOCKS, re.MULTILINE)


SEGMENTATION, LANDSCAPE, BPGRAD = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def printed(example):
    """Return the lines that an example prints."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(example, "README.md", "exec"), {})
    return output.getvalue().splitlines()


def test_segmentation_example_prints_the_accuracies_that_the_text_claims():
    accuracies = [float(line.split()[1]) for line in printed(SEGMENTATION)]
    claimed = [float(text) for text in re.search(r"accuracy of ([\d.]+) .* and ([\d.]+) ", README).groups()]
    assert accuracies == pytest.approx(claimed, abs=5e-3)


def test_landscape_example_measures_about_as_many_points_as_the_text_claims(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    [line] = printed(LANDSCAPE)
    measured, error = line.split()
    claimed = re.search(r"prints that (\d+) of the 1,089 points", README)[1]
    assert int(measured) <= 1.5 * int(claimed) and float(error) <= 0.01
    assert {"surface.npz", "surface.png", "surface.html"} <= {path.name for path in tmp_path.iterdir()}


def test_bpgrad_example_prints_the_accuracy_that_the_text_claims():
    [line] = printed(BPGRAD)
    claimed = re.search(r"prints an accuracy of ([\d.]+), the smallest loss", README)[1]
    assert float(line.split()[0]) == pytest.approx(float(claimed), abs=0.01)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_in_the_text_exist(command):
    words = [word for word in shlex.split(command)[1:] if word != "COMMAND"]
    options = {word for word in words if word.startswith("--")} - {"--help"}
    name = words[:2] if words[0] in ("data", "pose", "reproduce", "solvers", "transfer") else words[:1]
    if words[0] == "export":
        name = ["export", "write"]
    result = CliRunner().invoke(app, [*name, "--help"], env={"COLUMNS": "300"})
    assert result.exit_code == 0
    assert all(option in result.output for option in options)
