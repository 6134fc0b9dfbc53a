"""The workers of a training as options and TF_CONFIG name them."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.runs.test_joined_steps import free_addresses
from tfapp.errors import InputError, WorkFailed
from tfapp.runs.distributed.cluster import Cluster, cluster_from, cluster_of_environment
from tfapp.runs.distributed.peers import _answers, _gather, _listening

ADDRESSES = ("a.example:2222", "10.0.0.5:2222", "[::1]:2223")


def test_workers_are_named_with_commas_between():
    cluster = cluster_from("a.example:2222, 10.0.0.5:2222,[::1]:2223", 1)
    assert cluster == Cluster(ADDRESSES, 1) and not cluster.is_chief
    assert cluster.others == [(0, "a.example:2222"), (2, "[::1]:2223")]


@pytest.mark.parametrize(
    ("workers", "worker", "message"),
    [
        ("a:1,b:2", None, "`worker` must say which one this is"),
        ("a:1,b:2", 2, "Worker 2 is none of the 2 workers"),
        ("a:1", 0, "Expected two or more different workers"),
        ("a:1,a:1", 0, "Expected two or more different workers"),
        ("a:1,b", 0, "Worker 'b' is no address"),
        ("a:1,b:70000", 0, "Worker 'b:70000' is no address"),
        ("a:1,", 0, "Worker '' is no address"),
    ],
)
def test_workers_that_cannot_be_used_are_refused(workers, worker, message):
    with pytest.raises(InputError, match=message):
        cluster_from(workers, worker)


def test_tf_config_that_a_cluster_writes_names_that_cluster(monkeypatch):
    cluster = Cluster(ADDRESSES, 2)
    monkeypatch.setenv("TF_CONFIG", cluster.tf_config)
    assert cluster_of_environment() == cluster


def test_chief_of_tf_config_is_worker_0(monkeypatch):
    tasks = {"chief": ["a:1"], "worker": ["b:1", "c:1"]}
    for task, index in ({"type": "chief", "index": 0}, 0), ({"type": "worker", "index": 1}, 2):
        monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": tasks, "task": task}))
        assert cluster_of_environment() == Cluster(("a:1", "b:1", "c:1"), index)


@pytest.mark.parametrize(
    "text", ["", "{}", '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}']
)
def test_tf_config_of_less_than_two_workers_is_a_training_of_one(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    assert cluster_of_environment() is None


@pytest.mark.parametrize(
    "content",
    [
        [],
        {"cluster": {"worker": ["a:1", "b:1"]}},
        {"cluster": {"worker": ["a:1", "b:1"], "ps": ["c:1"]}, "task": {"type": "worker", "index": 0}},
        {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 2}},
        {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "evaluator", "index": 0}},
        {"cluster": {"worker": "a:1"}, "task": {"type": "worker", "index": 0}},
        {"cluster": {"worker": [1, 2]}, "task": {"type": "worker", "index": 0}},
    ],
)
def test_tf_config_that_cannot_be_used_is_refused(monkeypatch, content):
    monkeypatch.setenv("TF_CONFIG", json.dumps(content))
    with pytest.raises(InputError):
        cluster_of_environment()


def test_workers_of_a_host_are_counted_for_its_devices():
    cluster = Cluster(("a:1", "b:1", "a:2", "a:3"), 3)
    assert cluster.place_on_host == 2


@pytest.fixture
def two():
    """Two addresses of this machine at which nobody listens."""
    return Cluster(tuple(free_addresses(2).split(",")), 0)


def test_worker_that_does_not_come_is_named(two):
    said = []
    with pytest.raises(WorkFailed, match=rf"Expected worker 1 \({two.addresses[1]}\) within 0.2 seconds"):
        _gather(two, 0.2, said.append)


def test_worker_that_is_waited_for_is_named_on_the_way(two, monkeypatch):
    monkeypatch.setattr("tfapp.runs.distributed.peers._TELL_SECONDS", 0)
    said = []
    with pytest.raises(WorkFailed):
        _gather(two, 0.1, said.append)
    assert said[0] == f"waiting for worker 1 ({two.addresses[1]})"


def test_worker_is_found_by_one_that_comes_later_however_often_it_was_looked_for(two):
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(_gather, two, 30, lambda sentence: None)
        while not first.running() or not _answers(two.addresses[0]):
            pass
        # More often than a system keeps connections that nobody takes.
        for _ in range(1000):
            _answers(two.addresses[0])
        _gather(Cluster(two.addresses, 1), 30, lambda sentence: None)
        first.result()


def test_port_that_is_taken_is_refused(two):
    with (
        _listening(two),
        pytest.raises(InputError, match="Worker 0 cannot listen at port .* is it running already"),
    ):
        _listening(two)
