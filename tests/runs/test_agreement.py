"""What workers agree on before they train; their connection is a barrier of threads here."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tfapp.errors import InputError
from tfapp.runs.distributed import agreement
from tfapp.runs.distributed.agreement import agree, check_alike
from tfapp.runs.distributed.cluster import Cluster

ADDRESSES = ("a:1", "b:1", "c:1")


class ThreadPeers:
    """What `agree` needs of `Peers`, in one process."""

    def __init__(self, cluster, texts, barrier):
        self.cluster, self.texts, self.barrier = cluster, texts, barrier

    def exchange(self, text):
        self.texts[self.cluster.index] = text
        self.barrier.wait()
        texts = list(self.texts)
        self.barrier.wait()
        return texts


def at_all(function):
    """Return what a function of (peers) returns or raises at each of three workers."""
    texts, barrier = [None] * 3, threading.Barrier(3, timeout=10)

    def at(index):
        try:
            return function(ThreadPeers(Cluster(ADDRESSES, index), texts, barrier))
        except InputError as error:
            return str(error)

    with ThreadPoolExecutor(3) as pool:
        return list(pool.map(at, range(3)))


def test_all_get_what_each_got():
    assert (
        at_all(lambda peers: agree(peers, lambda: {"λ": peers.cluster.index}))
        == [[{"λ": 0}, {"λ": 1}, {"λ": 2}]] * 3
    )


def test_an_error_of_one_is_raised_by_all():
    def fails(peers):
        if peers.cluster.index == 1:
            raise InputError("No such folder.")

    told = at_all(lambda peers: agree(peers, lambda: fails(peers)))
    assert told == ["Worker 1 (b:1): No such folder.", "No such folder.", "Worker 1 (b:1): No such folder."]


@dataclass
class Options:
    epochs: int = 2
    resize: tuple = (64, 48)


def test_workers_with_the_same_options_are_alike():
    assert at_all(lambda peers: check_alike(peers, Options())) == [None] * 3


def test_other_options_of_a_worker_are_refused_by_name_at_all():
    told = at_all(lambda peers: check_alike(peers, Options(epochs=2 + peers.cluster.index // 2)))
    assert set(told) == {
        "Worker 2 has other options than worker 0: epochs (was 2, is 3); start all with the same options."
    }


def test_other_versions_of_a_worker_are_refused_by_name_at_all(monkeypatch):
    # All at the same time: the version is that of the thread's place in the line.
    versions = iter(range(1000))
    monkeypatch.setattr(agreement, "version", lambda name: str(next(versions)))
    told = at_all(lambda peers: check_alike(peers, Options()))
    assert len(set(told)) == 1 and "has other versions than worker 0: tensorflow (was " in told[0]


@pytest.mark.parametrize("count", [2, 3])
def test_a_worker_that_follows_begins_where_the_chief_is(count):
    rows = [{"epoch": number + 1} for number in range(count)]
    followed = agreement.Followed("run", count, rows)
    assert followed.resume() == (None, count, rows) and followed.done() == count
