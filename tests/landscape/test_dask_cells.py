"""Surfaces measured by Dask workers, against those measured here."""

import os
import signal

import keras
import numpy as np
import pytest
from dask.distributed import Client, LocalCluster

from tfapp.errors import InputError
from tfapp.landscape import landscape

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address():
    """A scheduler with three worker processes."""
    with LocalCluster(n_workers=3, threads_per_worker=1, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(scope="module")
def problem():
    keras.utils.set_random_seed(1)
    layers = [keras.Input((8, 8, 2)), keras.layers.Conv2D(4, 3, activation="tanh"), keras.layers.Flatten()]
    model = keras.Sequential([*layers, keras.layers.Dense(1)])
    model.compile(loss="mse", metrics=["mae"])
    rng = np.random.default_rng(0)
    return model, rng.standard_normal((10, 8, 8, 2)).astype(np.float32), rng.standard_normal((10, 1))


@pytest.fixture(scope="module")
def serial(problem, tmp_path_factory):
    path = tmp_path_factory.mktemp("serial") / "surface.npz"
    landscape(*problem, n=9, batch_size=4, path=path)
    return path.read_bytes()


def test_the_file_is_that_of_a_serial_run_bit_for_bit(problem, serial, address, tmp_path):
    landscape(*problem, n=9, batch_size=4, path=tmp_path / "surface.npz", dask=address)
    assert (tmp_path / "surface.npz").read_bytes() == serial


def test_surface_in_bfloat16_is_that_of_a_serial_run_bit_for_bit(problem, address, tmp_path):
    paths = tmp_path / "serial.npz", tmp_path / "dask.npz"
    for path, dask in zip(paths, (None, address), strict=True):
        landscape(*problem, n=5, batch_size=4, path=path, dask=dask, compute_dtype="bfloat16")
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_killed_worker_costs_nothing_but_time(problem, serial, address, tmp_path):
    def kill(done, _):
        if done == 20:
            with Client(address) as client:
                worker = next(iter(client.run(os.getpid).values()))
            os.kill(worker, signal.SIGKILL)

    landscape(*problem, n=9, batch_size=4, path=tmp_path / "surface.npz", dask=address, progress=kill)
    assert (tmp_path / "surface.npz").read_bytes() == serial


def test_interrupted_surface_goes_on_without_dask(problem, serial, address, tmp_path):
    def interrupt(done, _):
        if done == 20:
            raise KeyboardInterrupt

    path = tmp_path / "surface.npz"
    with pytest.raises(KeyboardInterrupt):
        landscape(*problem, n=9, batch_size=4, path=path, dask=address, progress=interrupt)
    landscape(*problem, n=9, batch_size=4, path=path)
    assert path.read_bytes() == serial


def test_an_address_that_does_not_answer_is_named(problem, tmp_path, monkeypatch):
    monkeypatch.setattr("tfapp.workers.SECONDS_TO_CONNECT", 1)
    path = tmp_path / "surface.npz"
    with pytest.raises(InputError, match="scheduler with workers at tcp://127.0.0.1:9, but it does not"):
        landscape(*problem, n=9, path=path, dask="tcp://127.0.0.1:9")
    assert not path.exists()
