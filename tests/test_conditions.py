"""Commands on full and read-only disks, twice at once, and ended in the middle; conditions.py tries all of them."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from tests.compatibility.command_tree import commands
from tests.written import CASES

SCRIPT = Path(__file__).with_name("conditions.py")
WRITE_NOTHING = {"export verify", "export show", "solvers presets"}
# Its tests start a server and kill the client: tests/export/test_client_command.py.
OF_A_SERVER = {"export client"}


def test_every_command_that_writes_is_tried():
    """Of studies one: the interface that all of them have writes for them."""
    typed = {
        " ".join(names[1:]).removesuffix(" from-run")
        for names, command in commands()
        if not isinstance(command, typer.core.TyperGroup) and "reproduce" not in names
    }
    tried = {name for case in CASES.values() for name in typed if case.command.startswith(f"{name} ")}
    assert typed - WRITE_NOTHING - OF_A_SERVER <= tried
    assert any(case.command.startswith("reproduce ") for case in CASES.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("only", "conditions"),
    [("minimise", "full,read-only,twice,sigterm,ctrl-c"), ("train", "full,twice,sigterm")],
)
def test_command_ends_in_a_sentence_and_then_as_unbroken(tmp_path, only, conditions):
    options = ["--only", only, "--conditions", conditions, "--room", "0.4", "--moments", "0.6"]
    command = [sys.executable, SCRIPT, *options, "--out", tmp_path / "conditions"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=SCRIPT.parents[1])
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert "0 not as it should be" in done.stdout
