"""Studies whose trainings Dask's workers do ahead: the tables are those of serial ones."""

import os
import signal
import threading
import time
from dataclasses import replace

import pytest
import typer

from tfapp.cli.main import app
from tfapp.errors import InputError, WorkFailed
from tfapp.optimizers import SOLVERS
from tfapp.reproduce.bpgrad import segmentation
from tfapp.reproduce.registry import STUDIES
from tfapp.runs.ahead import ahead_on, do_ahead, is_ahead
from tfapp.runs.progress import SILENT, Progress

OPTIONS = {
    "spec": "cells:12:32",
    "seeds": (0, 1),
    "epochs": 2,
    "steps_per_epoch": 2,
    "batch_size": 2,
}


def written(folder, text=b"", number=None):
    """What a worker does in these tests: once for each folder."""
    if number == 2:
        raise InputError("Two is no number.")
    if number == 3:
        raise ValueError("three")
    (folder / f"{number}").write_bytes(text)


def environment_kept(file):
    file.write_text("\n".join(os.environ))


class Ended(Progress):
    """Remembers how many steps every task had when it ended."""

    def __init__(self):
        self.totals = {}

    def closed(self, task):
        self.totals[task.title] = task.total


def test_without_workers_nothing_is_done_ahead(tmp_path):
    assert not is_ahead() and not do_ahead(written, [((tmp_path,), {})], SILENT)
    assert not list(tmp_path.iterdir())


def test_every_study_that_trains_and_no_other_takes_dask():
    commands = typer.main.get_command(app).commands["reproduce"].commands
    for name, study in STUDIES.items():
        offered = any("--dask" in one.opts for one in commands[name].params)
        assert offered == (study.trains or "dask" in study.options), name
    assert sum(study.trains for study in STUDIES.values()) > 20


@pytest.fixture(scope="module")
def address():
    """A scheduler with two worker processes."""
    from dask.distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


@pytest.mark.slow
def test_every_call_is_made_on_a_worker_and_counted(address, tmp_path):
    with ahead_on(address):
        assert do_ahead(written, [((tmp_path, b"x"), {"number": n}) for n in (0, 1, 5)], SILENT)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["0", "1", "5"] and not is_ahead()


@pytest.mark.slow
def test_training_on_a_worker_keeps_freed_memory(address, tmp_path):
    # Dask has told its worker to give freed memory back at once.
    with ahead_on(address):
        do_ahead(environment_kept, [((tmp_path / "names",), {})], SILENT)
    names = (tmp_path / "names").read_text().splitlines()
    assert "MALLOC_TRIM_THRESHOLD_" not in names and "OMP_NUM_THREADS" in names


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "error", "message"),
    [(2, InputError, "Two is no number"), (3, WorkFailed, "A training failed with ValueError: three")],
)
def test_errors_of_a_call_are_those_of_the_study(address, tmp_path, number, error, message):
    with ahead_on(address), pytest.raises(error, match=message):
        do_ahead(written, [((tmp_path,), {"number": number})], SILENT)


@pytest.mark.slow
def test_table_of_trainings_ahead_with_a_worker_killed_is_that_of_a_serial_study(address, tmp_path):
    from dask.distributed import Client

    def kill():
        while not list((tmp_path / "dask").glob("*/checkpoints/epoch-00001.keras")):
            time.sleep(0.05)
        with Client(address) as client:
            os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
        killed.append(True)

    killed, killer = [], threading.Thread(target=kill, daemon=True)
    study = STUDIES["noise-table"]
    study.run({**OPTIONS, "out": tmp_path / "serial"})
    killer.start()
    study.run({**OPTIONS, "out": tmp_path / "dask"}, dask=address)
    assert killed
    names = [f"{name}-seed{seed}/history.csv" for seed in (0, 1) for name in ("unet", "runet")]
    for name in ("noise-table.csv", *names):
        texts = ((tmp_path / place / name).read_text() for place in ("serial", "dask"))
        # The table names the runs by their folders.
        serial, dask = (text.replace("/dask/", "/serial/").splitlines() for text in texts)
        if name.endswith("history.csv"):
            # But for the seconds, which are last.
            serial, dask = ([line.rpartition(",")[0] for line in lines] for lines in (serial, dask))
        assert serial == dask, name


@pytest.mark.slow
def test_search_and_trainings_of_segmenters_by_solvers_are_done_ahead_with_the_serial_table(
    address, tmp_path, monkeypatch
):
    few = segmentation.FCN_SETTINGS["small"] | {"base_width": 2, "steps_per_epoch": 2, "resize": (32, 32)}
    monkeypatch.setitem(segmentation.FCN_SETTINGS, "small", few)
    monkeypatch.setitem(SOLVERS, "sgd", replace(SOLVERS["sgd"], ladder=(0.001, 0.1), first=(0, 1)))
    options = {"data": "cells:20:32", "seeds": (0,), "epochs": 1, "grid_epochs": 1, "solvers": {"sgd": None}}
    study = STUDIES["bpgrad-table-3.4"]
    study.run({**options, "out": tmp_path / "serial"})
    assert len(list(tmp_path.rglob("history.csv"))) == 3
    ended = Ended()
    study.run({**options, "out": tmp_path / "dask"}, progress=ended, dask=address)
    assert (ended.totals["search ahead"], ended.totals["trainings ahead"]) == (2, 1)
    texts = [(tmp_path / place / "bpgrad-table-3.4.csv").read_text() for place in ("serial", "dask")]
    assert texts[0] == texts[1]
