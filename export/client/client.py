"""A model behind TensorFlow Serving, called by gRPC or REST as one would call a function."""

import math
import re
import socket
import threading
from dataclasses import dataclass
from urllib.parse import urlsplit

from tfapp.export.client.errors import ServingError
from tfapp.export.client.retries import Retries, with_retries
from tfapp.export.errors import ExportError
from tfapp.export.versions import is_served_word

# What protocol buffers, and with them gRPC, can carry.
MOST_BYTES = 2**31 - 1
_PORTS = {"grpc": 8500, "http": 80, "https": 443}
_LARGEST_VERSION = 2**63 - 1


@dataclass(frozen=True)
class Address:
    """Where a server is and how it is asked.

    Attributes:
        scheme: "grpc", "http" or "https".
        host, port: Of the server.
        path: What stands before `/v1/models`, of a gateway; of gRPC empty.
    """

    scheme: str
    host: str
    port: int
    path: str = ""

    def __str__(self):
        return f"{self.scheme}://{self.host_and_port}{self.path}"

    @property
    def host_and_port(self):
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class ModelChoice:
    """Which model of a server is meant.

    Attributes:
        name: Its name.
        version: Its version, or None.
        label: The label of its version, or None; without both, the server takes the latest.
    """

    name: str
    version: int | None = None
    label: str | None = None

    def __str__(self):
        which = (
            f" version {self.version}" if self.version else f" version {self.label!r}" if self.label else ""
        )
        return f"{self.name!r}{which}"


class Client:
    """A model behind TensorFlow Serving; many threads may call it at once.

    What is sent and what comes back is compared with the signature as the server itself tells it.

    Args:
        address: `grpc://HOST:PORT`, usually port 8500, or `http://HOST:PORT`, usually 8501 (`https` behind a gateway,
            which may also have a path). gRPC needs `tfapp[serving]`.
        model: Name of the model, as the server knows it.
        version: Its version; None is the latest, or that of the label.
        label: Label of the version, such as "stable"; None for none.
        deadline: Seconds for each call, all its tries together.
        retries: Further tries where a server is down, starting, or overloaded (UNAVAILABLE, HTTP status 502 and 503, a
            connection that is refused or breaks), after waits that grow from 0.1 s to 5 s and are drawn at random.
            What is wrong with a request is not tried again.
        max_message: Most bytes of a request and of an answer, at most 2 GiB less one byte.

    Attributes:
        retried: Further tries so far, of all calls together.

    Raises:
        ExportError: unusable arguments, or gRPC without `tfapp[serving]`.

    Example, with a server at hand:
        with Client("grpc://localhost:8500", "cells") as client:
            answer = client.predict("serving_bytes", {"image_bytes": [Path("image.png").read_bytes()]})
    """

    def __init__(
        self, address, model, *, version=None, label=None, deadline=60.0, retries=5, max_message=MOST_BYTES
    ):
        self.address, self.model = parse_address(address), checked_choice(model, version, label)
        if not _is_number(deadline) or not 0 < deadline < 1e6:
            raise ExportError(f"`deadline` must be seconds above 0, at most 1e6. Received: {deadline!r}.")
        if isinstance(retries, bool) or not isinstance(retries, int) or not 0 <= retries <= 100:
            raise ExportError(f"`retries` must be a whole number from 0 to 100. Received: {retries!r}.")
        whole = isinstance(max_message, int) and not isinstance(max_message, bool)
        if not whole or not 1024 <= max_message <= MOST_BYTES:
            raise ExportError(
                f"`max_message` must be a number of bytes from 1024 to {MOST_BYTES}. Received: {max_message!r}."
            )
        self.deadline, self.retried = float(deadline), 0
        self._retries, self._closed = Retries(retries), threading.Event()
        self._lock, self._counting = threading.Lock(), threading.Lock()
        self._transport = self._connect(max_message)
        self._signatures, self._version = None, None

    def __enter__(self):
        return self

    def __exit__(self, *details):
        self.close()

    def close(self):
        """End all calls and connections; calls in other threads fail with a `ServingError`."""
        self._closed.set()
        self._transport.close()

    @property
    def signatures(self):
        """`Signature` by name, `serving_default` first; the server is asked once.

        Raises:
            ServingError: no server, no such model, or no answer in time.
        """
        with self._lock:
            if self._signatures is None:
                self._resolve()
                found, self._version = self._call(self._transport.metadata)
                order = sorted(found, key=lambda name: (name != "serving_default", name))
                self._signatures = {name: found[name] for name in order}
            return self._signatures

    @property
    def served_version(self):
        """Version of the model that the server told with the signatures, int; None if it told none.

        Raises:
            ServingError: as for `signatures`.
        """
        return self._version if self.signatures is not None else None

    def signature(self, name):
        """Return the `Signature` of a name.

        Raises:
            ServingError: the model has none of this name, or as for `signatures`.
        """
        if name not in self.signatures:
            raise ServingError(
                f"{self.model} at {self.address} has no signature {name!r}; expected one of: "
                f"{', '.join(self.signatures) or 'none'}.",
                "FAILED_PRECONDITION",
            )
        return self.signatures[name]

    def predict(self, signature, inputs, outputs=None):
        """Return the outputs of one request.

        Args:
            signature: Name of the signature.
            inputs: Arrays by alias, of the very dtype that the signature has; encoded files as a list of bytes.
            outputs: Aliases that are wanted, or None for all; by gRPC the others are not sent.

        Returns:
            Dict of `numpy.ndarray` by alias; strings are arrays of `bytes` objects.

        Raises:
            ExportError: inputs that do not fit the signature, or outputs that it has not.
            ServingError: the server refuses, fails, is too late, or answers something else.
        """
        described = self.signature(signature)
        arrays = described.checked_inputs(inputs)
        wanted = list(described.outputs if outputs is None else outputs)
        missing = next((alias for alias in wanted if alias not in described.outputs), None)
        if missing:
            raise ExportError(
                f"`outputs` must be of {', '.join(described.outputs)}, which {signature} has. Received: {missing!r}."
            )
        found = self._call(lambda seconds: self._transport.predict(described, arrays, wanted, seconds))
        counts = {len(array) for array in arrays.values() if array.ndim}
        described.check_outputs(found, wanted, max(counts, default=1), self.address)
        return {alias: found[alias] for alias in wanted}

    def _call(self, call):
        def one_try(seconds):
            try:
                if not self._closed.is_set():
                    return call(seconds)
                broken = None
            except Exception as error:
                # What closing does to a call in another thread depends on how far that call was.
                if not self._closed.is_set():
                    raise
                broken = error
            raise ServingError(f"The client of {self.address} is closed.", "CLOSED") from broken

        def sleep(seconds):
            with self._counting:
                self.retried += 1
            self._closed.wait(seconds)

        return with_retries(one_try, self._retries, self.deadline, self.address, sleep=sleep)[0]

    def _connect(self, max_message):
        if self.address.scheme == "grpc":
            from tfapp.export.client.rpc import Rpc

            return Rpc(self.address, self.model, max_message)
        from tfapp.export.client.rest import Rest

        return Rest(self.address, self.model, max_message)

    def _resolve(self):
        """Raise ServingError for a host that has no address, which gRPC would tell as a server that is down."""
        try:
            socket.getaddrinfo(self.address.host, self.address.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise ServingError(
                f"The host {self.address.host!r} is not known ({error}); correct the address {self.address}.",
                "UNKNOWN_HOST",
            ) from error


def parse_address(text):
    """Return the `Address` of `scheme://host:port`.

    Raises:
        ExportError: `text` is none.

    Example:
        >>> parse_address("grpc://localhost").host_and_port
        'localhost:8500'
    """
    expected = "`address` must be grpc://HOST:PORT or http://HOST:PORT, such as grpc://localhost:8500."
    try:
        parts = urlsplit(str(text))
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ExportError(f"{expected} Received: {text!r} ({error}).") from None
    if parts.scheme not in _PORTS or not host or not re.fullmatch(r"[!-~]+", str(text)):
        raise ExportError(f"{expected} Received: {text!r}.")
    if parts.username or parts.query or parts.fragment or (parts.path.strip("/") and parts.scheme == "grpc"):
        raise ExportError(f"{expected} Received: {text!r}, which has more than that.")
    path = parts.path.rstrip("/")
    if "/v1/models" in path:
        raise ExportError(
            f"`address` ends before /v1/models, and `model` names the model. Received: {text!r}."
        )
    return Address(parts.scheme, host, _PORTS[parts.scheme] if port is None else port, path)


def checked_choice(model, version, label):
    """Return the `ModelChoice`.

    Raises:
        ExportError: a name that no model can have, or a version and a label at once, or no version.
    """
    if not is_served_word(str(model)):
        raise ExportError(
            f"`model` must be the name of a served model, a word without spaces, /, :, ? and #. Received: {model!r}."
        )
    if version is not None and label is not None:
        raise ExportError(f"Give `version` or `label`, not both. Received: {version!r} and {label!r}.")
    whole = isinstance(version, int) and not isinstance(version, bool)
    if version is not None and not (whole and 1 <= version <= _LARGEST_VERSION):
        raise ExportError(f"`version` must be a positive whole number. Received: {version!r}.")
    if label is not None and not is_served_word(str(label)):
        raise ExportError(
            f"`label` must be a word such as stable, without spaces, /, :, ? and #. Received: {label!r}."
        )
    return ModelChoice(str(model), version, label)


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
