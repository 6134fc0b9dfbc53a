"""`tfapp train --workers`: three workers, processes of this machine, of which one is killed, and errors of one."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.runs.test_joined_steps import free_addresses
from tfapp.runs.checkpoints import read_history

OPTIONS = (
    "cells:20:32 --epochs 3 --steps-per-epoch 4 --batch-size 6 --base-width 4 --depth 2 --head tv-softmax --seed 3 "
    "--schedule plateau+patience=1+threshold=0.5"
).split()


def tfapp_train(folder, *options, **settings):
    return subprocess.Popen(
        [sys.executable, "-m", "tfapp", "train", *OPTIONS, *options],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **settings,
    )


def wait_for(file, process):
    while not file.exists():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A folder with `one`, trained by one worker, and `three`, by three of which one was killed; and what that said."""
    folder = tmp_path_factory.mktemp("workers")
    alone = tfapp_train(folder, "--out", "one")
    said = alone.communicate(timeout=300)[0]
    assert alone.returncode == 0, said
    addresses = ["--out", "three", "--workers", free_addresses(3)]
    workers = [tfapp_train(folder, *addresses, "--worker", str(number)) for number in range(3)]
    wait_for(folder / "three" / "checkpoints" / "epoch-00001.keras", workers[0])
    workers[1].send_signal(signal.SIGKILL)
    workers[1].communicate()
    assert workers[1].returncode == -signal.SIGKILL
    workers[1] = tfapp_train(folder, *addresses, "--worker", "1")
    said = [worker.communicate(timeout=600)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0, 0], "\n".join(said)
    return folder, said


@pytest.mark.slow
def test_history_of_three_workers_one_of_them_killed_is_that_of_one_worker(killed):
    folder, _ = killed
    one, three = read_history(folder / "one"), read_history(folder / "three")
    assert len(one) == len(three) == 3
    for left, right in zip(one, three, strict=True):
        for name in set(left) - {"seconds"}:
            np.testing.assert_allclose(right[name], left[name], rtol=1e-3, err_msg=name)


@pytest.mark.slow
def test_workers_whose_peer_was_killed_say_so_and_wait_for_it(killed):
    _, said = killed
    assert "Another worker ended; waiting until it is back" in said[0]
    assert "Traceback" not in "".join(said)


@pytest.mark.slow
def test_options_that_differ_end_all_workers_with_one_sentence(tmp_path):
    common = ["--out", "run", "--workers", free_addresses(2)]
    workers = [
        tfapp_train(tmp_path, *common, "--worker", str(number), "--learning-rate", rate)
        for number, rate in enumerate(["0.001", "0.002"])
    ]
    for worker in workers:
        said = worker.communicate(timeout=300)[0]
        assert worker.returncode == 2
        assert "Worker 1 has other options than worker 0: learning_rate (was 0.001, is 0.002)" in said
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_missing_worker_is_named_when_its_time_is_over(tmp_path):
    address, other = free_addresses(2).split(",")
    worker = tfapp_train(
        tmp_path, "--out", "run", "--workers", f"{address},{other}", "--worker", "0", "--worker-timeout", "2"
    )
    said = worker.communicate(timeout=120)[0]
    assert worker.returncode == 1
    assert f"Expected worker 1 ({other}) within 2 seconds" in said
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_workers_of_one_command_are_started_again_when_they_are_killed(tmp_path):
    """The workers that `--workers 2` starts are its children; one of them is killed."""
    command = tfapp_train(tmp_path, "--out", "run", "--workers", "2")
    wait_for(tmp_path / "run" / "checkpoints" / "epoch-00001.keras", command)
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(command.pid)], capture_output=True, text=True, check=True
    ).stdout.split()
    subprocess.run(["kill", "-9", children[-1]], check=True)
    said = command.communicate(timeout=600)[0]
    assert command.returncode == 0, said
    assert "was ended by SIGKILL; it is started again." in said
    assert len(read_history(tmp_path / "run")) == 3
