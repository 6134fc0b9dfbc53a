"""The client against the test double: forms of requests and answers, errors in words, retries."""

import http.client
import re
import socket
import threading
import time
from contextlib import closing

import numpy as np
import pytest
import tensorflow as tf

from tests.export.double_server import DoubleServer, FunctionModel, Refused, serving
from tfapp.export import Client, ExportError, ServingError

pytestmark = pytest.mark.slow

SCHEMES = pytest.mark.parametrize("scheme", ["grpc", "http"])


def spec(shape, dtype=tf.float32):
    return tf.TensorSpec(shape, dtype)


SIGNATURES = {
    "serving_default": (
        {"images": spec((None, None, None, 1))},
        {"double": spec((None, None, None, 1)), "first": spec((None,), tf.int32)},
    ),
    "serving_bytes": (
        {"image_bytes": spec((None,), tf.string)},
        {"turned_bytes": spec((None,), tf.string)},
    ),
    "telling": (
        {"image_bytes": spec((None,), tf.string)},
        {"turned_bytes": spec((None,), tf.string), "status": spec((None,), tf.string)},
    ),
    "two": (
        {"a": spec((None,), tf.uint8), "b": spec((), tf.float32)},
        {"sum": spec((None,)), "even": spec((None,), tf.bool)},
    ),
}


def answer(signature, inputs):
    if signature == "serving_default":
        images = inputs["images"]
        return {"double": 2 * images, "first": images[:, 0, 0, 0].astype(np.int32)}
    if signature == "two":
        return {"sum": (inputs["a"] + inputs["b"]).astype(np.float32), "even": inputs["a"] % 2 == 0}
    turned = np.array([one[::-1] for one in inputs["image_bytes"]], object)
    if signature == "serving_bytes":
        return {"turned_bytes": turned}
    status = np.array([b"" if one else "leer, \u00fc".encode() for one in turned], object)
    return {"turned_bytes": turned, "status": status}


def double(function=answer, signatures=SIGNATURES, **options):
    return DoubleServer(
        {("cells", 3): FunctionModel(function, signatures)}, {("cells", "stable"): 3}, **options
    )


@pytest.fixture(scope="module", params=["grpc", "http"])
def client(request):
    with serving(double(), request.param) as address, Client(address, "cells") as client:
        yield client


def free_port():
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def failure(address, model="cells", signature="serving_bytes", inputs=None, **options):
    """The sentence and the code that a call ends with."""
    options = {"retries": 0, "deadline": 20, **options}
    with pytest.raises(ServingError) as told, Client(address, model, **options) as client:
        client.predict(signature, inputs or {"image_bytes": [b"a"]})
    assert "\n" not in str(told.value)
    return str(told.value), told.value.code


def test_floats_come_back_to_the_last_bit(client):
    images = np.random.default_rng(0).normal(size=(2, 3, 4, 1)).astype(np.float32)
    found = client.predict("serving_default", {"images": images})
    assert list(found) == ["double", "first"] and found["double"].dtype == np.float32
    np.testing.assert_array_equal(found["double"], 2 * images)
    np.testing.assert_array_equal(found["first"], images[:, 0, 0, 0].astype(np.int32))


def test_only_the_outputs_that_are_asked_for_come_back(client):
    found = client.predict("serving_default", {"images": np.ones((1, 1, 1, 1), np.float32)}, ["first"])
    assert list(found) == ["first"] and found["first"].dtype == np.int32


def test_several_inputs_scalars_and_truth_values_have_their_forms(client):
    found = client.predict("two", {"a": np.array([1, 2], np.uint8), "b": np.float32(0.5)})
    np.testing.assert_array_equal(found["sum"], np.array([1.5, 2.5], np.float32))
    assert found["even"].tolist() == [False, True] and found["even"].dtype == bool


def test_bytes_come_back_whole_with_zeros_at_their_ends(client):
    files = [b"\0ab\0", bytes(range(256)), b""]
    found = client.predict("serving_bytes", {"image_bytes": files})
    assert list(found["turned_bytes"]) == [one[::-1] for one in files]


def test_strings_that_are_no_bytes_come_as_text_and_bytes_as_bytes(client):
    found = client.predict("telling", {"image_bytes": [b"a", b""]})
    assert list(found["status"]) == [b"", "leer, \u00fc".encode()]
    assert list(found["turned_bytes"]) == [b"a", b""]


def test_signatures_are_those_of_the_server(client):
    assert list(client.signatures) == ["serving_default", "serving_bytes", "telling", "two"]
    assert str(client.signature("serving_default").inputs["images"]) == "images float32 (?, ?, ?, 1)"


@pytest.mark.parametrize(
    ("signature", "inputs", "told"),
    [
        ("serving_default", {"images": np.zeros((1, 2, 2, 1))}, "Received: float64 (1, 2, 2, 1)."),
        ("serving_default", {"images": np.zeros((2, 2, 1), np.float32)}, "Received: float32 (2, 2, 1)."),
        ("serving_default", {"pictures": np.zeros((1, 2, 2, 1), np.float32)}, "Received: pictures."),
        ("serving_bytes", {"image_bytes": np.array([b"a"])}, "Received: bytes8 (1,)."),
    ],
)
def test_inputs_that_do_not_fit_are_refused_before_they_are_sent(client, signature, inputs, told):
    with pytest.raises(ExportError, match=re.escape(told)):
        client.predict(signature, inputs)


def test_unknown_signature_is_told_with_those_that_there_are(client):
    with pytest.raises(
        ServingError, match="no signature 'serve'; expected one of: serving_default, serving_b"
    ):
        client.predict("serve", {})


def test_rest_requests_have_the_column_form():
    server = double()
    with serving(server, "http") as address, Client(address, "cells") as client:
        client.predict("serving_bytes", {"image_bytes": [b"\xff"]})
    form = {"signature_name": "serving_bytes", "inputs": {"image_bytes": [{"b64": "/w=="}]}}
    assert server.forms == [form]


@SCHEMES
@pytest.mark.parametrize("choice", [{"version": 3}, {"label": "stable"}])
def test_version_and_label_are_asked_for(scheme, choice):
    with serving(double(), scheme) as address:
        with Client(address, "cells", **choice) as client:
            assert client.predict("serving_bytes", {"image_bytes": [b"ab"]})["turned_bytes"][0] == b"ba"
        assert "version 4: Servable not found" in failure(address, version=4)[0]
        assert "Unrecognized servable version label: canary" in failure(address, label="canary")[0]


@SCHEMES
def test_model_that_is_absent_is_told(scheme):
    with serving(double(), scheme) as address:
        told, code = failure(address, "cats")
    assert code == "NOT_FOUND" and "does not serve 'cats': Servable not found" in told


def test_names_beyond_ascii_are_asked_for_too():
    with serving(double(), "http") as address:
        assert failure(address, "Zellen\u00b2")[1] == "NOT_FOUND"


@SCHEMES
def test_server_that_is_down_is_told(scheme):
    told, code = failure(f"{scheme}://127.0.0.1:{free_port()}")
    assert code == "UNAVAILABLE" and "start it, or correct host and port" in told


@SCHEMES
def test_host_that_is_unknown_is_told_at_once(scheme):
    told, code = failure(f"{scheme}://no-such-host.invalid:80", retries=20)
    assert code == "UNKNOWN_HOST" and "'no-such-host.invalid' is not known" in told


def test_rest_port_asked_by_grpc_is_told():
    with serving(double(), "http") as address:
        told, _ = failure(address.replace("http", "grpc"))
    assert "answers, but not in gRPC; is it the REST port?" in told


def test_grpc_port_asked_by_rest_is_told():
    with serving(double(), "grpc") as address:
        told, _ = failure(address.replace("grpc", "http"))
    assert "not as the REST API of TensorFlow Serving does" in told


@SCHEMES
def test_deadline_that_passes_is_told_and_no_longer_waited_for(scheme):
    woken = threading.Event()

    def slow(signature, inputs):
        woken.wait(120)
        return answer(signature, inputs)

    with serving(double(slow), scheme) as address:
        begun = time.monotonic()
        told, code = failure(address, deadline=0.5, retries=3)
        taken = time.monotonic() - begun
        woken.set()
    assert code == "DEADLINE_EXCEEDED" and "did not answer within 0.5 s" in told
    assert taken < 10


class Trouble:
    """Refuses the first calls of a kind."""

    def __init__(self, kind, code, times):
        self.kind, self.code, self.times = kind, code, times

    def __call__(self, kind):
        if kind == self.kind and self.times > 0:
            self.times -= 1
            raise Refused(self.code, "the queue is full")


@SCHEMES
@pytest.mark.parametrize("kind", ["metadata", "predict"])
def test_server_that_is_overloaded_is_asked_again(scheme, kind):
    server = double(before=Trouble(kind, "UNAVAILABLE", 2))
    with serving(server, scheme) as address, Client(address, "cells") as client:
        assert client.predict("serving_bytes", {"image_bytes": [b"ab"]})["turned_bytes"][0] == b"ba"
    assert server.calls.count(kind) == 3 and client.retried == 2


@SCHEMES
@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "INTERNAL"])
def test_what_another_try_cannot_mend_is_not_tried_again(scheme, code):
    server = double(before=Trouble("predict", code, 2))
    with serving(server, scheme) as address:
        told, found = failure(address, retries=5)
    assert found == code and "the queue is full" in told and server.calls.count("predict") == 1


@SCHEMES
def test_retries_come_to_an_end(scheme):
    server = double(before=Trouble("predict", "UNAVAILABLE", 100))
    with serving(server, scheme) as address:
        told, code = failure(address, retries=2)
    assert code == "UNAVAILABLE" and "is not ready: the queue is full" in told
    assert server.calls.count("predict") == 3


@SCHEMES
def test_server_that_restarts_between_calls_is_found_again(scheme):
    from tests.export.double_server import serving_grpc, serving_rest

    serve, port = (serving_grpc if scheme == "grpc" else serving_rest), free_port()
    with Client(f"{scheme}://127.0.0.1:{port}", "cells", retries=20) as client:
        for _ in range(2):
            with serve(double(), port):
                found = client.predict("serving_bytes", {"image_bytes": [b"ab"]})
            assert found["turned_bytes"][0] == b"ba"


@SCHEMES
def test_request_beyond_the_limit_is_refused_before_it_is_sent(scheme):
    server = double()
    with serving(server, scheme) as address:
        told, code = failure(address, inputs={"image_bytes": [bytes(9000)]}, max_message=8192)
    assert code == "RESOURCE_EXHAUSTED" and "at most 8,192 bytes, the limit of this client" in told
    assert server.calls == ["metadata"]


@SCHEMES
def test_answer_beyond_the_limit_is_refused(scheme):
    def large(signature, inputs):
        return {"turned_bytes": np.array([bytes(9000)], object)}

    with serving(double(large), scheme) as address:
        told, code = failure(address, max_message=8192)
    assert code == "RESOURCE_EXHAUSTED"
    assert re.match(r"The answer would take (9,0|12,0)\d\d bytes; expected at most 8,192", told)


def test_limit_of_the_server_is_told_as_the_servers():
    from tests.export.double_server import serving_grpc

    with serving_grpc(double(), options=[("grpc.max_receive_message_length", 4096)]) as port:
        inputs = {"image_bytes": [bytes(9000)]}
        told, code = failure(f"grpc://127.0.0.1:{port}", inputs=inputs)
    assert code == "RESOURCE_EXHAUSTED" and "has no room for the request" in told and "4096" in told


@SCHEMES
@pytest.mark.parametrize(
    "outputs",
    [
        {"turned_bytes": np.array([b"a", b"b"], object)},
        {"turned_bytes": np.array([1], np.int32)},
        {"turned_bytes": np.array([[b"a"]], object)},
    ],
)
def test_answer_of_another_shape_is_told(scheme, outputs):
    with serving(double(lambda *call: outputs), scheme) as address:
        told, code = failure(address)
    assert code == "MISMATCH" and "answered another shape than asked" in told


def test_fractions_in_place_of_whole_numbers_are_not_cut_off():
    with serving(
        double(lambda *call: {"double": np.ones((1, 1, 1, 1)), "first": np.array([1.5])}), "http"
    ) as address:
        inputs = {"images": np.ones((1, 1, 1, 1), np.float32)}
        told, _ = failure(address, signature="serving_default", inputs=inputs)
    assert "first holds float64, expected int32" in told


def test_another_web_server_is_told():
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        told, code = failure(f"http://127.0.0.1:{server.server_address[1]}", retries=3)
        server.shutdown()
        thread.join()
    assert code == "UNIMPLEMENTED" and "(HTTP status 404)" in told


@SCHEMES
def test_closing_ends_a_call_in_another_thread(scheme):
    begun, woken, failures = threading.Event(), threading.Event(), []

    def slow(signature, inputs):
        begun.set()
        woken.wait(120)
        return answer(signature, inputs)

    with serving(double(slow), scheme) as address:
        client = Client(address, "cells")

        def call():
            try:
                client.predict("serving_bytes", {"image_bytes": [b"a"]})
            except ServingError as error:
                failures.append(error.code)

        thread = threading.Thread(target=call)
        thread.start()
        assert begun.wait(60)
        client.close()
        thread.join(60)
        ended = not thread.is_alive()
        woken.set()
        thread.join()
    assert ended and failures == ["CLOSED"]


@SCHEMES
@pytest.mark.parametrize(
    "failure", [http.client.BadStatusLine(""), AttributeError("sock"), ValueError("closed channel")]
)
def test_whatever_breaks_a_call_of_a_closed_client_is_told_as_closed(scheme, failure, monkeypatch):
    with serving(double(answer), scheme) as address:
        client = Client(address, "cells")
        client.signature("serving_bytes")

        def broken(*arguments):
            client.close()
            raise failure

        monkeypatch.setattr(client._transport, "predict", broken)
        with pytest.raises(ServingError, match="is closed") as refused:
            client.predict("serving_bytes", {"image_bytes": [b"a"]})
    assert refused.value.code == "CLOSED"
