"""Surfaces whose process was killed, twice, against those of an unbroken run."""

import signal
import subprocess
import sys

import pytest
import surface_process

from tfapp.landscape import Surface, landscape

pytestmark = pytest.mark.slow


def killed_after(count, path, mode):
    """Start the process and kill it once it has measured so many cells; the kill lands wherever it then is."""
    command = [sys.executable, surface_process.__file__, str(path), mode]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if int(line) >= count:
                break
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    return Surface.load(path).num_measured


@pytest.mark.parametrize("mode", ["adaptive", "exact"])
def test_a_run_killed_twice_and_resumed_leaves_the_file_of_an_unbroken_one(mode, tmp_path):
    path, whole = tmp_path / "surface.npz", tmp_path / "whole.npz"
    first = killed_after(20, path, mode)
    second = killed_after(110, path, mode)
    assert 20 <= first < second
    final = landscape(*surface_process.problem(), **surface_process.OPTIONS[mode], path=path)
    assert second < final.num_measured
    landscape(*surface_process.problem(), **surface_process.OPTIONS[mode], path=whole)
    assert path.read_bytes() == whole.read_bytes()
