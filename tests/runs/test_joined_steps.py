"""Steps that two workers, processes of this machine, make together: those of one worker with the joined batch."""

import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.runs.joined_model import OPTIMIZERS

SCRIPT = Path(__file__).with_name("joined_model.py")


def free_addresses(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("localhost", 0))
    addresses = ",".join(f"localhost:{one.getsockname()[1]}" for one in sockets)
    for one in sockets:
        one.close()
    return addresses


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folders of one worker, and of each of two, with what they came to by optimizer."""
    folders = [tmp_path_factory.mktemp(name) for name in ("alone", "first", "second")]
    workers = free_addresses(2)
    started = [
        subprocess.Popen(
            [sys.executable, SCRIPT, folder, *rest],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for folder, rest in zip(folders, ([], ["0", workers], ["1", workers]), strict=True)
    ]
    for process in started:
        said, _ = process.communicate(timeout=300)
        assert process.returncode == 0, said
    return folders


def arrays(folder, optimizer):
    return dict(np.load(folder / f"{optimizer}.npz"))


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_two_workers_step_as_one_with_the_joined_batch(trained, optimizer):
    alone, first = (arrays(folder, optimizer) for folder in trained[:2])
    # Seven weights and four columns of the history.
    assert len(alone) == 11
    for name, values in alone.items():
        np.testing.assert_allclose(first[name], values, rtol=2e-4, atol=1e-5, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_workers_stay_equal_to_the_last_digit(trained, optimizer):
    first, second = (arrays(folder, optimizer) for folder in trained[1:])
    for name, values in first.items():
        np.testing.assert_array_equal(second[name], values, err_msg=name)
