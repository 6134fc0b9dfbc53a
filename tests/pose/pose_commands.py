"""The commands `tfapp pose ...` as a person types them, in one process but through the whole command line."""

import json
import shutil

from typer.testing import CliRunner

from tfapp.cli.main import app

# Two held out of six; every option whose default may become another is given.
TINY = (
    "--points 24 --observed 40 --size 16 --hypotheses 2 --visibility none --epochs 2 --batch-size 2 --held-out 0.34"
).split()
# Wide enough that no path of a temporary folder is folded.
WIDE = {"COLUMNS": "400", "NO_COLOR": "1"}


def tfapp(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env=WIDE)


def check_refused(result, sentence):
    """Check that a command ended with one sentence and exit code 2."""
    assert result.exit_code == 2, result.output
    assert sentence in " ".join(result.output.split()), result.output
    assert "Traceback" not in result.output


def files_of(folder):
    """Return the names of all files below a folder."""
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def copy_run(run, path, scenes=None):
    """Copy what a run needs to be evaluated, as if it had been trained on the scenes of another folder."""
    path.mkdir()
    shutil.copy(run / "model.keras", path)
    record = json.loads((run / "run.json").read_text())
    if scenes is not None:
        record["data"]["path"] = str(scenes)
    (path / "run.json").write_text(json.dumps(record))
    return path
