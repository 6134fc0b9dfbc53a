"""A test double of TensorFlow Serving's front end over its loader: gRPC and REST before a session of the C API.

    python serving_double.py SAVED_MODEL NAME THREADS

It is no TensorFlow Serving. It behaves as the server's sources describe: Predict and GetModelMetadata by gRPC, the row
and column forms by REST, an unknown signature is FAILED_PRECONDITION (by REST status 400), other aliases or dtypes are
INVALID_ARGUMENT, what the session says is passed on. No versions, labels, batching. What lies behind is the server's
own loader and session, so that what the model does, its memory too, is what it does there. Prints the two ports and
the modules of Python's TensorFlow that it has (none), as JSON, and serves until its input ends.
"""

import base64
import json
import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from serving_session import _DTYPES, STRING, Session, SessionError, protos

protos()

import grpc  # noqa: E402
from google.protobuf import json_format  # noqa: E402
from tensorflow_serving.apis import (  # noqa: E402
    get_model_metadata_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)

_STATUSES = {"INVALID_ARGUMENT": 400, "FAILED_PRECONDITION": 400, "NOT_FOUND": 404}
_VALUES = {1: "float_val", 3: "int_val", 4: "int_val", 9: "int64_val", 10: "bool_val"}


class Double:
    """One model behind both front ends."""

    def __init__(self, session, name):
        self.session, self.name = session, name

    def metadata(self, name):
        self._check_name(name)
        found = get_model_metadata_pb2.SignatureDefMap()
        for key, definition in self.session.signatures.items():
            found.signature_def[key].CopyFrom(definition)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = name
        response.metadata["signature_def"].Pack(found)
        return response

    def definition(self, name, signature):
        self._check_name(name)
        if signature not in self.session.signatures:
            raise SessionError("FAILED_PRECONDITION", f'Serving signature key "{signature}" not found.')
        return self.session.signatures[signature]

    def predict(self, name, signature, inputs):
        definition = self.definition(name, signature)
        if set(inputs) != set(definition.inputs):
            raise SessionError("INVALID_ARGUMENT", "input size does not match signature")
        for alias, value in inputs.items():
            wanted = _DTYPES.get(definition.inputs[alias].dtype, object)
            if value.dtype != wanted:
                raise SessionError("INVALID_ARGUMENT", f"{alias} has to be {np.dtype(wanted).name}")
        return self.session(signature, inputs)

    def _check_name(self, name):
        if name != self.name:
            raise SessionError("NOT_FOUND", f"Servable not found for request: Latest({name})")


def array_of(proto):
    shape = [dim.size for dim in proto.tensor_shape.dim]
    if proto.dtype == STRING:
        found = np.empty(len(proto.string_val), object)
        found[:] = proto.string_val
        return found.reshape(shape)
    if proto.tensor_content:
        return np.frombuffer(proto.tensor_content, _DTYPES[proto.dtype]).reshape(shape)
    values = np.array(getattr(proto, _VALUES[proto.dtype]), _DTYPES[proto.dtype])
    # The last value stands for all that follow.
    return np.concatenate([values, np.repeat(values[-1:], int(np.prod(shape)) - len(values))]).reshape(shape)


def fill(proto, value):
    for size in value.shape:
        proto.tensor_shape.dim.add().size = size
    if value.dtype == object:
        proto.dtype = STRING
        proto.string_val.extend(value.ravel())
    else:
        proto.dtype = next(kind for kind, dtype in _DTYPES.items() if value.dtype == dtype)
        proto.tensor_content = value.tobytes()


class Servicer(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, double):
        self.double = double

    def GetModelMetadata(self, request, context):
        return self._told(context, lambda: self.double.metadata(request.model_spec.name))

    def Predict(self, request, context):
        def answer():
            spec = request.model_spec
            inputs = {alias: array_of(proto) for alias, proto in request.inputs.items()}
            found = self.double.predict(spec.name, spec.signature_name or "serving_default", inputs)
            response = predict_pb2.PredictResponse()
            for alias in request.output_filter or found:
                fill(response.outputs[alias], found[alias])
            return response

        return self._told(context, answer)

    @staticmethod
    def _told(context, answer):
        try:
            return answer()
        except SessionError as error:
            context.abort(getattr(grpc.StatusCode, error.code), str(error))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes

    def log_message(self, *_):
        pass

    def do_GET(self):
        found = re.fullmatch(r"/v1/models/([^/:]+)/metadata", self.path)
        as_names = {"preserving_proto_field_name": True, "always_print_fields_with_no_presence": True}
        self._tell(lambda: json_format.MessageToDict(self.server.double.metadata(found[1]), **as_names))

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        found = re.fullmatch(r"/v1/models/([^/:]+):predict", self.path)
        self._tell(lambda: self._answer(found[1], body))

    def _answer(self, name, body):
        signature = body.get("signature_name", "serving_default")
        definition = self.server.double.definition(name, signature)
        by_rows = "instances" in body
        values = body["instances"] if by_rows else body["inputs"]
        if by_rows and isinstance(values[0], dict) and "b64" not in values[0]:
            values = {alias: [row[alias] for row in values] for alias in definition.inputs}
        if not isinstance(values, dict) or "b64" in values:
            values = {next(iter(definition.inputs)): values}
        inputs = {alias: _parsed(value, definition.inputs[alias].dtype) for alias, value in values.items()}
        outputs = self.server.double.predict(name, signature, inputs)
        told = {alias: _json(alias, value) for alias, value in outputs.items()}
        if len(told) == 1:
            return {"predictions" if by_rows else "outputs": next(iter(told.values()))}
        if not by_rows:
            return {"outputs": told}
        return {
            "predictions": [dict(zip(told, row, strict=True)) for row in zip(*told.values(), strict=True)]
        }

    def _tell(self, answer):
        try:
            told, status = answer(), 200
        except SessionError as error:
            told, status = {"error": str(error)}, _STATUSES.get(error.code, 500)
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _parsed(value, kind):
    if kind != STRING:
        return np.asarray(value, _DTYPES[kind])
    found = np.empty(len(value), object)
    found[:] = [base64.b64decode(one["b64"]) for one in value]
    return found


def _json(alias, value):
    if value.dtype != object:
        return value.tolist()
    if alias.endswith("_bytes"):
        return [{"b64": base64.b64encode(one).decode()} for one in value]
    return [one.decode() for one in value]


def main(folder, name, threads):
    double = Double(Session(folder, int(threads)), name)
    grpc_server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.max_receive_message_length", -1)])
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Servicer(double), grpc_server)
    grpc_port = grpc_server.add_insecure_port("127.0.0.1:0")
    grpc_server.start()
    rest_server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    rest_server.daemon_threads, rest_server.double = True, double
    threading.Thread(target=rest_server.serve_forever, daemon=True).start()
    imported = [
        module for module in sys.modules if module.startswith(("tensorflow.python", "keras", "tfapp"))
    ]
    print(
        json.dumps({"grpc": grpc_port, "http": rest_server.server_address[1], "imported": imported}),
        flush=True,
    )
    sys.stdin.read()
    grpc_server.stop(None).wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
