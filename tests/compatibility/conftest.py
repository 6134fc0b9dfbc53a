"""The stored folders of version 0.1, laid out for one test as their owner had them."""

import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tfapp.cli.main import app

STORED = Path(__file__).parent / "version_0_1"
# What stands in the stored records for the folder that the commands were typed in.
FOLDER = "/FOLDER"
# Wide enough that no path is folded.
WIDE = {"COLUMNS": "400", "NO_COLOR": "1"}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with `runs/`, `served/` and their data, in which the commands of their records can be typed again."""
    folder = (tmp_path / "place").resolve()
    shutil.copytree(STORED, folder)
    # Runs of poses and of transfer keep the full path of their scenes and of their backbone, which moved.
    for record in folder.glob("runs/*/run.json"):
        record.write_text(record.read_text().replace(FOLDER, str(folder)))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def narrow_pose_network(monkeypatch):
    """The width that the stored pose models were made with, as files of the usual one have 4 MB."""
    monkeypatch.setattr("tfapp.pose.model.pose_network.WIDTHS", (2, 2, 2, 2))


@pytest.fixture
def done(place):
    """Function of a command line, typed in `place`, that must succeed; it returns what was printed."""

    def call(line):
        result = CliRunner().invoke(app, shlex.split(line.removeprefix("tfapp ")), env=WIDE)
        assert result.exit_code == 0, result.output
        return result.output

    return call
