"""Parts of the client that need no server: waits between tries, addresses, arguments, forms of REST answers."""

import random

import numpy as np
import pytest

from tfapp.export import Client, ExportError, ServingError
from tfapp.export.client.client import parse_address
from tfapp.export.client.many import Latencies
from tfapp.export.client.rest import _array, _columns
from tfapp.export.client.retries import Retries, with_retries
from tfapp.export.client.tensors import Signature, Tensor


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self):
        self.now, self.slept = 0.0, []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


class Longest:
    """Draws the upper bound."""

    @staticmethod
    def uniform(low, high):
        assert low == 0.0
        return high


def failing(code, times, clock=None, seconds=0.0):
    """A call that fails with a code the first times, and notes the seconds that it was given."""
    given = []

    def call(left):
        given.append(left)
        if clock:
            clock.now += seconds
        if len(given) <= times:
            raise ServingError("It fails.", code)
        return "answer"

    call.given = given
    return call


def tried(call, retries, deadline=100.0, clock=None, generator=Longest):
    clock = clock or Clock()
    result = with_retries(call, retries, deadline, "s", sleep=clock.sleep, clock=clock, generator=generator)
    return result, clock.slept


def test_waits_double_up_to_the_longest():
    result, slept = tried(failing("UNAVAILABLE", 7), Retries(7, 0.1, 2.0))
    assert result == ("answer", 7)
    assert slept == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0])


def test_waits_are_drawn_from_nothing_to_the_bound():
    waits = [Retries(9, 1.0, 4.0).wait(1, random.Random(seed)) for seed in range(500)]
    assert 0 <= min(waits) < 0.05 and 1.95 < max(waits) <= 2.0
    assert abs(np.mean(waits) - 1.0) < 0.1


@pytest.mark.parametrize(
    "code", ["INVALID_ARGUMENT", "NOT_FOUND", "RESOURCE_EXHAUSTED", "MISMATCH", "INTERNAL"]
)
def test_only_what_may_pass_is_tried_again(code):
    call = failing(code, 1)
    with pytest.raises(ServingError):
        tried(call, Retries(5))
    assert len(call.given) == 1


def test_every_try_gets_the_time_that_is_left():
    clock = Clock()
    call = failing("UNAVAILABLE", 2, clock, seconds=3.0)
    tried(call, Retries(5, 1.0, 1.0), 20.0, clock)
    assert call.given == pytest.approx([20.0, 16.0, 12.0])


def test_no_wait_goes_beyond_the_deadline():
    call = failing("UNAVAILABLE", 9)
    clock = Clock()
    with pytest.raises(ServingError) as told:
        tried(call, Retries(9, 4.0, 4.0), 10.0, clock)
    assert told.value.code == "UNAVAILABLE" and clock.slept == [4.0, 4.0]


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("grpc://localhost", "grpc://localhost:8500"),
        ("http://localhost:8501/", "http://localhost:8501"),
        ("https://gate.example.org/serving/", "https://gate.example.org:443/serving"),
        ("grpc://[::1]:9000", "grpc://[::1]:9000"),
    ],
)
def test_addresses_are_understood(address, place):
    assert str(parse_address(address)) == place


@pytest.mark.parametrize(
    "address",
    [
        "localhost:8500",
        "",
        "ftp://a:1",
        "grpc://",
        "http://a:x",
        "http://a:70000",
        "grpc://a:1/b",
        "http://a b:1",
        "http://a:1/\u00b2",
    ],
)
def test_addresses_that_are_none_are_refused(address):
    with pytest.raises(ExportError, match="`address` must be grpc://HOST:PORT"):
        parse_address(address)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"model": "a/b"}, "`model` must be the name"),
        ({"model": "\udcff"}, "`model` must be the name"),
        ({"version": 0}, "`version` must be a positive"),
        ({"version": True}, "`version` must be a positive"),
        ({"version": 1, "label": "stable"}, "not both"),
        ({"label": "a b"}, "`label` must be a word"),
        ({"deadline": 0}, "`deadline` must be seconds"),
        ({"deadline": float("nan")}, "`deadline` must be seconds"),
        ({"retries": -1}, "`retries` must be a whole number"),
        ({"max_message": 2**31}, "`max_message` must be a number of bytes"),
    ],
)
def test_arguments_that_cannot_be_are_refused(options, told):
    with pytest.raises(ExportError, match=told):
        Client("http://localhost:1", **{"model": "cells", **options})


SCORES, LABELS = Tensor("scores", np.float32, (None, 2)), Tensor("labels", np.int32, (None,))
BOTH = Signature("s", {}, {"labels": LABELS, "scores": SCORES})


@pytest.mark.parametrize(
    "content",
    [
        {"outputs": {"scores": [[1, 2], [3, 4]], "labels": [1, 0]}},
        {"predictions": [{"scores": [1, 2], "labels": 1}, {"scores": [3, 4], "labels": 0}]},
    ],
)
def test_rows_and_columns_say_the_same(content):
    columns = _columns(content, BOTH)
    assert _array(columns["scores"], SCORES).tolist() == [[1, 2], [3, 4]]
    assert _array(columns["labels"], LABELS).tolist() == [1, 0]


@pytest.mark.parametrize("key", ["outputs", "predictions"])
def test_one_output_alone_stands_without_its_name(key):
    assert _columns({key: [1, 0]}, Signature("s", {}, {"labels": LABELS})) == {"labels": [1, 0]}


def test_numbers_that_are_none_of_json_are_read():
    import json

    value = json.loads("[[NaN, Infinity]]")
    np.testing.assert_array_equal(_array(value, SCORES), [[np.nan, np.inf]])


@pytest.mark.parametrize("value", [[1.5], [True], ["1"], [[1], [1, 2]], [2**40], [None], {"a": 1}])
def test_values_of_another_kind_are_refused(value):
    with pytest.raises((ValueError, TypeError, OverflowError)):
        _array(value, LABELS)


def test_percentiles_are_those_of_numpy():
    seconds = list(np.random.default_rng(0).exponential(size=101))
    ordered = sorted(seconds)
    latencies = Latencies(seconds, images=101, wall=2.0)
    assert [latencies.percentile(share) for share in (50, 90, 99)] == [ordered[50], ordered[90], ordered[99]]
    assert latencies.images_per_second == 50.5
    assert np.isnan(Latencies().percentile(50)) and np.isnan(Latencies().images_per_second)
