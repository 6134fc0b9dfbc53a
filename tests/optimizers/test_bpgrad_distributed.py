"""BPGrad on several devices and in several processes steps as on one device with the joined batch."""

import json
import os
import re
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.optimizers.two_replicas import CASES, network
from tfapp.optimizers import BPGrad

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
QUIET = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}


@pytest.fixture(scope="module")
def two_replicas():
    command = [sys.executable, "-m", "tests.optimizers.two_replicas"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=QUIET)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("case", [*CASES, "eager"])
def test_two_replicas_are_one_with_the_joined_batch(two_replicas, case):
    assert two_replicas[case]["weights"] < 2e-6 and two_replicas[case]["measured"] < 1e-5


def test_two_replicas_in_mixed_float16(two_replicas):
    # Rounding to float16, 2^-11 relative, differs between one batch and two halves.
    assert two_replicas["mixed float16"]["weights"] < 5e-3


def free_ports(count):
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("localhost", 0))
        return [one.getsockname()[1] for one in sockets]


def test_example_with_two_workers_prints_what_one_worker_prints():
    addresses = [f"localhost:{port}" for port in free_ports(2)]
    processes = []
    for index in (0, 1, None):  # the last one is alone
        environment = {name: value for name, value in QUIET.items() if name != "TF_CONFIG"}
        if index is not None:
            task = {"type": "worker", "index": index}
            environment["TF_CONFIG"] = json.dumps({"cluster": {"worker": addresses}, "task": task})
        command = [sys.executable, "examples/many_workers.py"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        processes.append(subprocess.Popen(command, env=environment, cwd=ROOT, **pipes))
    outputs = [process.communicate(timeout=240) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], outputs
    first, second, one = ([float(x) for x in re.findall(r"[\d.]+", out)] for out, _ in outputs)
    assert first == second == pytest.approx(one, abs=1e-4)


def test_training_loop_of_ones_own():
    x = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
    plain, own = network(), network()
    plain.compile(BPGrad(20.0), "mse")
    plain.fit(x, x[:, :2], batch_size=16, epochs=10, verbose=0)
    optimizer = BPGrad(20.0)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((own(x) - x[:, :2]) ** 2) + sum(own.losses)
        variables = own.trainable_variables
        optimizer.apply(tape.gradient(loss, [v.value for v in variables]), variables, loss=loss)

    for _ in range(10):
        step()
    for a, b in zip(own.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6)
