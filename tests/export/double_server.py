"""A test double of TensorFlow Serving: its gRPC and REST surface, as its source and its pages document them.

It is not TensorFlow Serving. What it shows is that requests have the right form and that answers and errors of these
forms are understood. The models behind it are a SavedModel in TensorFlow's session (`SessionModel`), which is what the
server runs too, or a function (`FunctionModel`).
"""

import base64
import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)

# tensorflow_serving/model_servers/http_server.cc
_STATUSES = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
_PLACE = r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?"


class Refused(Exception):
    """A status of gRPC with a message."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class SessionModel:
    """A SavedModel in a session, run by the tensor names of its signatures."""

    def __init__(self, folder):
        with tf.Graph().as_default() as graph:
            self.session = tf.compat.v1.Session(graph=graph)
            self.signatures = tf.compat.v1.saved_model.load(
                self.session, ["serve"], str(folder)
            ).signature_def

    def __call__(self, signature, inputs):
        definition = self.signatures[signature]
        feeds = {definition.inputs[alias].name: value for alias, value in inputs.items()}
        try:
            return self.session.run({alias: info.name for alias, info in definition.outputs.items()}, feeds)
        except tf.errors.OpError as error:
            code = error.__class__.__name__.removesuffix("Error")
            raise Refused(re.sub(r"(?<!^)([A-Z])", r"_\1", code).upper(), error.message) from error


class FunctionModel:
    """A function of the name of a signature and its inputs; `signatures` as {name: (inputs, outputs)}, TensorSpecs."""

    def __init__(self, function, signatures):
        self.function = function
        self.signatures = {
            name: tf.compat.v1.saved_model.build_signature_def(_infos(inputs), _infos(outputs), "predict")
            for name, (inputs, outputs) in signatures.items()
        }

    def __call__(self, signature, inputs):
        return self.function(signature, inputs)


def _infos(specs):
    from tensorflow.core.protobuf import meta_graph_pb2

    return {
        alias: meta_graph_pb2.TensorInfo(
            name=f"{alias}:0", dtype=spec.dtype.as_datatype_enum, tensor_shape=spec.shape.as_proto()
        )
        for alias, spec in specs.items()
    }


class DoubleServer:
    """Serves models; `versions` and `labels` as {(name, version): model} and {(name, label): version}.

    Attributes:
        calls: Kinds of calls so far, "metadata" and "predict".
        forms: Bodies of REST requests.
        before: Function of the kind of a call that may raise `Refused`, for servers in trouble.
    """

    def __init__(self, versions, labels=None, before=lambda kind: None):
        self.versions, self.labels, self.before = versions, labels or {}, before
        self.calls, self.forms, self.lock = [], [], threading.Lock()

    def model(self, name, version, label):
        if label:
            if (name, label) not in self.labels:
                raise Refused("INVALID_ARGUMENT", f"Unrecognized servable version label: {label}")
            version = self.labels[name, label]
        of_name = [number for found, number in self.versions if found == name]
        if not of_name or (version and version not in of_name):
            asked = f"Specific({name}, {version})" if version else f"Latest({name})"
            raise Refused("NOT_FOUND", f"Servable not found for request: {asked}")
        return self.versions[name, version or max(of_name)]

    def count(self, kind):
        with self.lock:
            self.calls.append(kind)
        self.before(kind)

    def predict(self, name, version, label, signature, inputs):
        model = self.model(name, version, label)
        definition = model.signatures.get(signature)
        if definition is None:
            raise Refused("FAILED_PRECONDITION", f'Serving signature key "{signature}" not found.')
        if set(inputs) != set(definition.inputs):
            raise Refused("INVALID_ARGUMENT", "input size does not match signature")
        for alias, value in inputs.items():
            dtype = tf.as_dtype(definition.inputs[alias].dtype)
            if tf.as_dtype(value.dtype) != dtype:
                raise Refused("INVALID_ARGUMENT", f"{alias} has to be {dtype.name}")
        return model(signature, inputs)


class _Servicer(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, double):
        self.double = double

    def GetModelMetadata(self, request, context):
        spec = request.model_spec
        with _refusals(context):
            self.double.count("metadata")
            model = self.double.model(spec.name, spec.version.value, spec.version_label)
            return _metadata(model, spec.name, self.double)

    def Predict(self, request, context):
        spec = request.model_spec
        with _refusals(context):
            self.double.count("predict")
            inputs = {alias: tf.make_ndarray(proto) for alias, proto in request.inputs.items()}
            signature = spec.signature_name or "serving_default"
            found = self.double.predict(spec.name, spec.version.value, spec.version_label, signature, inputs)
            response = predict_pb2.PredictResponse()
            for alias in request.output_filter or found:
                response.outputs[alias].CopyFrom(tf.make_tensor_proto(found[alias]))
            return response


@contextmanager
def _refusals(context):
    try:
        yield
    except Refused as error:
        context.abort(getattr(grpc.StatusCode, error.code), str(error))


def _metadata(model, name, double):
    found = get_model_metadata_pb2.SignatureDefMap()
    for key, definition in model.signatures.items():
        found.signature_def[key].CopyFrom(definition)
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.model_spec.name = name
    # As tensorflow_serving/servables/tensorflow/get_model_metadata_impl.cc.
    response.model_spec.version.value = next(key[1] for key, one in double.versions.items() if one is model)
    response.metadata["signature_def"].Pack(found)
    return response


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body of an answer are two writes: the second would wait 40 ms for the client to acknowledge the first.
    disable_nagle_algorithm = True

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        found = re.fullmatch(_PLACE + "/metadata", self.path)
        with self.answering() as answer:
            if not found:
                raise Refused("INVALID_ARGUMENT", f"Malformed request: GET {self.path}")
            self.server.double.count("metadata")
            name, version, label = found.groups()
            model = self.server.double.model(name, version and int(version), label)
            answer.update(
                json_format.MessageToDict(
                    _metadata(model, name, self.server.double),
                    preserving_proto_field_name=True,
                    always_print_fields_with_no_presence=True,
                )
            )

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        found = re.fullmatch(_PLACE + ":predict", self.path)
        with self.answering() as answer:
            if not found:
                raise Refused("INVALID_ARGUMENT", f"Malformed request: POST {self.path}")
            self.server.double.count("predict")
            self.server.double.forms.append(body)
            name, version, label = found.groups()
            place = (name, version and int(version), label)
            signature = body.get("signature_name", "serving_default")
            definition = self.server.double.model(*place).signatures.get(signature)
            if definition is None:
                told = f'Serving signature name: "{signature}" not found in signature def'
                raise Refused("INVALID_ARGUMENT", told)
            outputs = self.server.double.predict(*place, signature, _inputs(body, definition))
            answer.update(_form(outputs, "predictions" if "instances" in body else "outputs"))

    @contextmanager
    def answering(self):
        answer, status = {}, 200
        try:
            yield answer
        except Refused as error:
            answer, status = {"error": str(error)}, _STATUSES.get(error.code, 500)
        body = json.dumps(answer).encode()
        with suppress(BrokenPipeError, ConnectionResetError):  # a client that no longer waits
            self.write(status, body)

    def write(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _inputs(body, definition):
    """Arrays of a request in the row or the column form (tensorflow_serving/util/json_tensor.cc)."""
    if "instances" in body:
        rows = body["instances"]
        if isinstance(rows[0], dict) and "b64" not in rows[0]:
            values = {alias: [row[alias] for row in rows] for alias in definition.inputs}
        else:
            values = {next(iter(definition.inputs)): rows}
    else:
        values = body["inputs"]
        if not isinstance(values, dict) or "b64" in values:
            values = {next(iter(definition.inputs)): values}
    return {
        alias: _tensor(value, tf.as_dtype(definition.inputs[alias].dtype)) for alias, value in values.items()
    }


def _tensor(value, dtype):
    if dtype == tf.string:
        found = np.empty(len(value), object)
        for index, one in enumerate(value):
            found[index] = base64.b64decode(one["b64"]) if isinstance(one, dict) else one.encode()
        return found
    return np.asarray(value, dtype.as_numpy_dtype)


def _form(outputs, key):
    values = {alias: _json(alias, np.asarray(value)) for alias, value in outputs.items()}
    if len(values) == 1:
        return {key: next(iter(values.values()))}
    if key == "outputs":
        return {key: values}
    return {key: [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]}


def _json(alias, value):
    if value.dtype != object:
        return value.tolist()
    if value.ndim > 1:
        return [_json(alias, row) for row in value]
    if alias.endswith("_bytes"):
        return [{"b64": base64.b64encode(one).decode()} for one in value]
    return [one.decode() for one in value]


@contextmanager
def serving_grpc(double, port=0, options=()):
    """Serve by gRPC; yields the port."""
    server = grpc.server(
        ThreadPoolExecutor(8),
        options=[("grpc.so_reuseport", 0), *(options or [("grpc.max_receive_message_length", -1)])],
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(_Servicer(double), server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()


class _HttpServer(ThreadingHTTPServer):
    daemon_threads, block_on_close = True, False


@contextmanager
def serving_rest(double, port=0):
    """Serve by REST; yields the port."""
    server = _HttpServer(("127.0.0.1", port), _Handler)
    server.double = double
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def serving(double, scheme):
    """Serve by "grpc" or "http"; yields the address."""
    with (serving_grpc if scheme == "grpc" else serving_rest)(double) as port:
        yield f"{scheme}://127.0.0.1:{port}"
