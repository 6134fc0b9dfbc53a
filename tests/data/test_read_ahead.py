import threading
import time

import pytest

from tfapp.data.read_ahead import read_ahead, threads_for


def slowly(item):
    time.sleep(0.004 if item % 2 else 0.012)
    return item, threading.get_ident()


def test_items_come_in_their_order_whatever_the_threads_finish_first():
    found = list(read_ahead(slowly, range(20), 4))
    assert [item for item, _ in found] == list(range(20))
    assert len({thread for _, thread in found}) > 1


def test_what_takes_no_time_is_read_without_threads():
    found = list(read_ahead(lambda item: threading.get_ident(), range(50), 4))
    assert set(found) == {threading.get_ident()}


def test_no_more_is_read_ahead_than_threads_and_as_many_that_wait():
    log = []

    def read(item):
        log.append(item)
        return slowly(item)

    reading = read_ahead(read, range(100), 3)
    for _ in range(10):
        next(reading)
    time.sleep(0.05)
    assert len(log) <= 10 + 3 + 1
    reading.close()


def test_failure_comes_in_the_place_of_its_item():
    def read(item):
        if item == 9:
            raise ValueError("nine")
        return slowly(item)

    taken = []
    with pytest.raises(ValueError, match="nine"):
        for item, _ in read_ahead(read, range(100), 4):
            taken.append(item)
    assert taken == list(range(9))


def test_the_larger_images_are_the_fewer_threads_hold_one():
    assert threads_for(100_000_000) == 1
    assert threads_for(2**26) == 1
    assert threads_for(1) == threads_for(0) >= 1


@pytest.mark.parametrize("count", [0, 1, 4, 5])
def test_few_items_are_all_there(count):
    assert [item for item, _ in read_ahead(slowly, range(count), 4)] == list(range(count))
