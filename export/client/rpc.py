"""Calls of a server by gRPC, with the messages of tensorflow-serving-api, which is imported when it is needed."""

import numpy as np

from tfapp.export.client.errors import ServingError, refusal, too_large
from tfapp.export.client.tensors import DTYPES, Signature, Tensor
from tfapp.export.errors import ExportError

# gRPC's own wait after a failed connection would be a second and more, in which every call fails at once.
_RECONNECT = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 5000),
)


class Rpc:
    """gRPC calls of one model, on one channel that all threads share.

    Args:
        address: `Address`.
        model: `ModelChoice`.
        max_message: Most bytes of a request and of an answer.

    Raises:
        ExportError: tensorflow-serving-api is not installed.
    """

    def __init__(self, address, model, max_message):
        try:
            import grpc
            from tensorflow_serving.apis import prediction_service_pb2_grpc
        except ImportError as error:
            raise ExportError(
                f"Calls by gRPC need tensorflow-serving-api ({error}): pip install tfapp[serving], or call the "
                "REST port, http://HOST:8501."
            ) from error
        self._grpc, self._address, self._model, self._max_message = grpc, address, model, max_message
        self._channel = grpc.insecure_channel(
            address.host_and_port,
            options=[
                ("grpc.max_send_message_length", max_message),
                ("grpc.max_receive_message_length", max_message),
                # As the REST calls: to the address itself.
                ("grpc.enable_http_proxy", 0),
                *_RECONNECT,
            ],
        )
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)

    def metadata(self, seconds):
        """Return `Signature` by name, and the version that has them or None, as the server tells within `seconds`."""
        from tensorflow_serving.apis import get_model_metadata_pb2

        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        self._choose(request.model_spec)
        response = self._call(self._stub.GetModelMetadata, request, seconds)
        found = get_model_metadata_pb2.SignatureDefMap()
        if not response.metadata["signature_def"].Unpack(found):
            raise ServingError(f"{self._address} tells no signatures of {self._model}.", "UNIMPLEMENTED")
        signatures = {
            name: Signature(name, self._tensors(one.inputs), self._tensors(one.outputs))
            for name, one in found.signature_def.items()
            if not name.startswith("__")
        }
        return signatures, response.model_spec.version.value or None

    def predict(self, signature, inputs, wanted, seconds):
        """Return the outputs of one request, arrays by alias.

        Args:
            signature: `Signature`.
            inputs: Arrays by alias, as `Signature.checked_inputs` returns them.
            wanted: Aliases of the outputs to send.
            seconds: Time that is left.
        """
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2

        way_out = "send the file itself, by the signature serving_bytes, or smaller images"
        size = sum(_size(array) for array in inputs.values())
        if size > self._max_message:  # Before a second copy of it is made.
            raise too_large("request", size, self._max_message, way_out)
        request = predict_pb2.PredictRequest(output_filter=list(wanted))
        self._choose(request.model_spec)
        request.model_spec.signature_name = signature.name
        for alias, array in inputs.items():
            request.inputs[alias].CopyFrom(tf.make_tensor_proto(array))
        if request.ByteSize() > self._max_message:
            raise too_large("request", request.ByteSize(), self._max_message, way_out)
        response = self._call(self._stub.Predict, request, seconds)
        return {alias: self._array(alias, proto) for alias, proto in response.outputs.items()}

    def close(self):
        """Close the channel: calls in other threads end."""
        self._channel.close()

    def _choose(self, spec):
        spec.name = self._model.name
        if self._model.version:
            spec.version.value = self._model.version
        elif self._model.label:
            spec.version_label = self._model.label

    def _call(self, method, request, seconds):
        try:
            return method(request, timeout=seconds)
        except self._grpc.RpcError as error:
            raise self._told(error.code().name, error.details() or "") from error

    def _told(self, code, details):
        address = self._address
        if code == "RESOURCE_EXHAUSTED" and "larger than max" in details and "SERVER" not in details:
            return too_large(
                "answer", _announced(details), self._max_message, "ask for fewer images at a time"
            )
        if code == "UNAVAILABLE" and ("http1" in details or "Failed parsing HTTP/2" in details):
            return ServingError(
                f"{address} answers, but not in gRPC; is it the REST port? Then write http:// for grpc://; the "
                "usual port of gRPC is 8500.",
                "UNIMPLEMENTED",
            )
        if code == "UNAVAILABLE" and "onnect" in details:
            return ServingError(
                f"No server can be reached at {address}; start it, or correct host and port.", code
            )
        if code == "UNIMPLEMENTED":
            return ServingError(f"{address} speaks gRPC, but is no TensorFlow Serving: {details}.", code)
        if code == "CANCELLED":
            return ServingError(f"The call of {address} was cancelled.", "CLOSED")
        return refusal(code, details, address, self._model)

    def _tensors(self, infos):
        from tensorflow.core.framework import types_pb2

        found = {}
        for alias, info in sorted(infos.items()):
            name = types_pb2.DataType.Name(info.dtype)
            if name not in DTYPES:
                raise ServingError(
                    f"{self._address} serves {alias} as {name}, which this client does not read; export the model with "
                    "float32 outputs.",
                    "MISMATCH",
                )
            sizes = [axis.size for axis in info.tensor_shape.dim]
            open_rank = info.tensor_shape.unknown_rank
            shape = None if open_rank else tuple(None if size < 0 else size for size in sizes)
            found[alias] = Tensor(alias, DTYPES[name], shape)
        return found

    def _array(self, alias, proto):
        import tensorflow as tf

        try:
            return tf.make_ndarray(proto)
        except (TypeError, ValueError) as error:
            raise ServingError(
                f"{self._address} answered another shape than asked: {alias} cannot be read "
                f"({str(error).rstrip('.')}).",
                "MISMATCH",
            ) from error


def _size(array):
    return sum(map(len, array.ravel())) if array.dtype == np.object_ else array.nbytes


def _announced(details):
    numbers = [int(word) for word in details.replace("(", " ").split() if word.isdigit()]
    return numbers[0] if numbers else None
