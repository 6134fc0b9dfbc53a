"""Calls of a server over HTTP, in the JSON forms of TensorFlow Serving's REST API.

Only the standard library is needed. Requests are in the column form (`inputs`); answers are read in both, `outputs`
and `predictions` (tensorflow.org/tfx/serving/api_rest).
"""

import base64
import binascii
import http.client
import json
import socket
import ssl
import threading
import time
from urllib.parse import quote

import numpy as np

from tfapp.export.client.errors import ServingError, refusal, too_large
from tfapp.export.client.tensors import DTYPES, Signature, Tensor

_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    412: "FAILED_PRECONDITION",
    413: "RESOURCE_EXHAUSTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    # A gateway whose server is being restarted.
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_BLOCK = 1 << 20
_NOT_REST = (
    "{server} answers, but not as the REST API of TensorFlow Serving does ({found}); its usual port is 8501, "
    "and that of gRPC, grpc://HOST:PORT, is 8500."
)


class Rest:
    """REST calls of one model; every thread has a connection of its own, which is kept.

    Args:
        address: `Address`.
        model: `ModelChoice`.
        max_message: Most bytes of a request and of an answer.
    """

    def __init__(self, address, model, max_message):
        self._address, self._model, self._max_message = address, model, max_message
        place = (
            f"/versions/{model.version}" if model.version else f"/labels/{model.label}" if model.label else ""
        )
        self._path = quote(f"{address.path}/v1/models/{model.name}{place}", safe="/!$&'()*+,;=@~%")
        self._local, self._open, self._lock = threading.local(), set(), threading.Lock()
        self._is_closed = False

    def metadata(self, seconds):
        """Return `Signature` by name, and the version that has them or None, as the server tells within `seconds`."""
        content = self._call("GET", f"{self._path}/metadata", None, seconds)
        try:
            found = content["metadata"]["signature_def"]["signature_def"]
            signatures = {
                name: Signature(name, _tensors(one.get("inputs", {})), _tensors(one.get("outputs", {})))
                for name, one in found.items()
                if not name.startswith("__")
            }
            # 64-bit numbers are texts in the JSON of protocol buffers.
            return signatures, int(content.get("model_spec", {}).get("version") or 0) or None
        except (KeyError, TypeError, AttributeError, ValueError):
            raise self._other("its metadata name no signatures of this form") from None

    def predict(self, signature, inputs, wanted, seconds):
        """Return the outputs of one request, arrays by alias.

        Args:
            signature: `Signature`.
            inputs: Arrays by alias, as `Signature.checked_inputs` returns them.
            wanted: Aliases of the outputs to return; the server sends all, as JSON has no filter.
            seconds: Time that is left.
        """
        numbers = sum(array.size for array in inputs.values() if array.dtype != object)
        way_out = "send the file itself, by the signature serving_bytes"
        if 2 * numbers > self._max_message:  # A digit and a comma each, before any of it is written.
            raise too_large("request", None, self._max_message, way_out)
        values = {alias: _json_value(array) for alias, array in inputs.items()}
        body = json.dumps({"signature_name": signature.name, "inputs": values}).encode()
        if len(body) > self._max_message:
            raise too_large("request", len(body), self._max_message, way_out)
        content = self._call("POST", f"{self._path}:predict", body, seconds)
        try:
            columns = _columns(content, signature)
            return {
                alias: _array(columns[alias], signature.outputs[alias])
                for alias in wanted
                if alias in columns
            }
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise ServingError(
                f"{self._address} answered another shape than asked: the outputs of {signature.name} cannot be read "
                f"({str(error).rstrip('.')}).",
                "MISMATCH",
            ) from error

    def close(self):
        """Close all connections: calls in other threads end."""
        with self._lock:
            self._is_closed = True
            connections = list(self._open)
        for connection in connections:
            sock = connection.sock
            if sock is not None:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:  # It is closed already.
                    pass
            connection.close()

    def _call(self, method, path, body, seconds):
        end = time.monotonic() + seconds
        try:
            response = self._response(method, path, body, end)
            content = self._content(response, end)
        except TimeoutError as error:
            self._drop()
            raise ServingError(f"{self._address} is too slow.", "DEADLINE_EXCEEDED") from error
        except ssl.SSLError as error:
            self._drop()
            raise ServingError(
                f"{self._address} cannot be asked by https: {error.reason or error}; write http:// for a server "
                "without certificates.",
                "UNIMPLEMENTED",
            ) from error
        except ConnectionRefusedError as error:
            self._drop()
            raise ServingError(
                f"No server listens at {self._address}; start it, or correct host and port.", "UNAVAILABLE"
            ) from error
        except (OSError, http.client.IncompleteRead, http.client.RemoteDisconnected) as error:
            self._drop()
            raise ServingError(
                f"The connection to {self._address} failed: {str(error).rstrip('.') or type(error).__name__}.",
                "UNAVAILABLE",
            ) from error
        except http.client.HTTPException as error:
            self._drop()
            raise self._other(f"no HTTP: {type(error).__name__}") from error
        except ServingError:
            self._drop()
            raise
        return self._read(response, content)

    def _response(self, method, path, body, end):
        headers = {"Content-Type": "application/json"} if body is not None else {}
        while True:
            connection, used = self._connection(end)
            try:
                connection.request(method, path, body, headers)
                return connection.getresponse()
            except (ConnectionResetError, BrokenPipeError):
                # A server that was restarted, or tired of an idle connection, closes it: that is no failure yet.
                self._drop()
                if not used:
                    raise

    def _content(self, response, end):
        way_out = "ask for less, such as serving_bytes, which answers with files"
        announced = response.length
        if announced is not None and announced > self._max_message:
            raise too_large("answer", announced, self._max_message, way_out)
        blocks, size = [], 0
        while block := response.read(_BLOCK):
            blocks.append(block)
            size += len(block)
            if size > self._max_message:
                raise too_large("answer", None, self._max_message, way_out)
            if time.monotonic() > end:
                raise TimeoutError
        return b"".join(blocks)

    def _read(self, response, content):
        try:
            found = json.loads(content)
        except (ValueError, RecursionError):
            found = None
        if response.status == 200 and isinstance(found, dict) and "error" not in found:
            return found
        code = _CODES.get(response.status, "INTERNAL")
        told = found.get("error") if isinstance(found, dict) else None
        if isinstance(told, str):
            raise refusal(code, told, self._address, self._model)
        if code in ("UNAVAILABLE", "UNAUTHENTICATED", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED"):
            # Gateways say so in words of their own.
            raise refusal(code, f"HTTP status {response.status}", self._address, self._model)
        raise self._other(f"HTTP status {response.status}")

    def _other(self, found):
        return ServingError(_NOT_REST.format(server=self._address, found=found), "UNIMPLEMENTED")

    def _connection(self, end):
        connection = getattr(self._local, "connection", None)
        used = connection is not None and connection.sock is not None
        seconds = max(end - time.monotonic(), 1e-3)
        if connection is None:
            kind = (
                http.client.HTTPSConnection if self._address.scheme == "https" else http.client.HTTPConnection
            )
            connection = self._local.connection = kind(
                self._address.host, self._address.port, timeout=seconds
            )
            with self._lock:
                if self._is_closed:
                    raise ServingError(f"The client of {self._address} is closed.", "CLOSED")
                self._open.add(connection)
        if used:
            connection.sock.settimeout(seconds)
        else:
            connection.timeout = seconds
        return connection, used

    def _drop(self):
        connection = self._local.__dict__.pop("connection", None)
        if connection is not None:
            connection.close()
            with self._lock:
                self._open.discard(connection)


def _tensors(infos):
    return {
        alias: Tensor(alias, DTYPES[info["dtype"]], _shape(info["tensor_shape"]))
        for alias, info in sorted(infos.items())
    }


def _shape(told):
    if told.get("unknown_rank"):
        return None
    sizes = [int(axis["size"]) for axis in told.get("dim", [])]
    return tuple(None if size < 0 else size for size in sizes)


def _json_value(array):
    if array.dtype != object:
        return array.tolist()
    return [{"b64": base64.b64encode(contents).decode()} for contents in array]


def _columns(content, signature):
    """Return the values of an answer by alias: of one output alone they stand there without its name."""
    if "outputs" in content:
        outputs = content["outputs"]
        if len(signature.outputs) == 1:
            [alias] = signature.outputs
            return {alias: outputs}
        return dict(outputs)
    rows = content["predictions"]
    if len(signature.outputs) == 1:
        [alias] = signature.outputs
        return {alias: rows}
    return {alias: [row[alias] for row in rows] for alias in signature.outputs}


def _array(value, tensor):
    if tensor.dtype is np.object_:
        return _texts(value, tensor)
    found = np.asarray(value)
    if found.size == 0:
        return np.zeros(found.shape, tensor.dtype)
    fractions = found.dtype.kind == "f" and np.dtype(tensor.dtype).kind != "f"
    truth = (found.dtype.kind == "b") != (np.dtype(tensor.dtype).kind == "b")
    if found.dtype.kind not in "iufb" or fractions or truth:
        raise ValueError(f"{tensor.alias} holds {found.dtype.name}, expected {np.dtype(tensor.dtype).name}")
    return np.asarray(value, tensor.dtype)


def _texts(value, tensor):
    if not isinstance(value, list):
        raise ValueError(f"{tensor.alias} is no list")
    texts = np.empty(len(value), object)
    for index, one in enumerate(value):
        if isinstance(one, dict) and isinstance(one.get("b64"), str):
            try:
                texts[index] = base64.b64decode(one["b64"], validate=True)
            except binascii.Error:
                raise ValueError(f"{tensor.alias} holds text that is no base64") from None
        elif isinstance(one, str):
            texts[index] = one.encode()
        else:
            raise ValueError(f"{tensor.alias} holds {type(one).__name__}, expected text")
    return texts
