"""Dask's workers of this machine, and what they leave in the environment."""

import os

import pytest

from tfapp.workers import dask_workers

TRIM = "MALLOC_TRIM_THRESHOLD_"


@pytest.mark.slow
def test_local_workers_keep_freed_memory_and_leave_the_environment_as_it_was(monkeypatch):
    pytest.importorskip("distributed", reason="Dask is an extra")
    monkeypatch.delenv(TRIM, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    before = dict(os.environ)
    with dask_workers("local") as client:
        found = client.submit(lambda: dict(os.environ)).result()
    assert TRIM not in found and found["OMP_NUM_THREADS"] == "3"
    # pytest has a variable of its own for the test that runs.
    assert {**os.environ, "PYTEST_CURRENT_TEST": ""} == {**before, "PYTEST_CURRENT_TEST": ""}
