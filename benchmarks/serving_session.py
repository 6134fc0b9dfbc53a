"""TensorFlow's C API by ctypes: load a SavedModel and run its signatures, without Python's TensorFlow.

`TF_LoadSessionFromSavedModel` and `TF_SessionRun` are what the server calls. Neither tensorflow nor keras nor tfapp is
imported; `protos` lets the generated messages of `tensorflow.core` and `tensorflow_serving` be imported all the same.
"""

import ctypes
import sys
import types
from importlib.util import find_spec
from pathlib import Path

import numpy as np

_DTYPES = {1: np.float32, 2: np.float64, 3: np.int32, 4: np.uint8, 6: np.int8, 9: np.int64, 10: np.bool_}
STRING = 7
_TSTRING = 24  # bytes of a TF_TString
_NAMES = {
    3: "INVALID_ARGUMENT",
    5: "NOT_FOUND",
    8: "RESOURCE_EXHAUSTED",
    9: "FAILED_PRECONDITION",
    13: "INTERNAL",
}


class SessionError(Exception):
    """A status of TensorFlow with its message; `code` is its name."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


# The folder alone: finding the package does not import it.
_PACKAGE = Path(find_spec("tensorflow").origin).parent


def protos():
    """Make `tensorflow` a name for its folder, so that its messages are imported and nothing else."""
    if "tensorflow" not in sys.modules:
        stub = types.ModuleType("tensorflow")
        stub.__path__ = [str(_PACKAGE)]
        sys.modules["tensorflow"] = stub


class _Output(ctypes.Structure):
    _fields_ = [("operation", ctypes.c_void_p), ("index", ctypes.c_int)]


def _library():
    # Its symbols stay its own (RTLD_LOCAL): its copy of OpenSSL would take the place of Python's.
    library = ctypes.CDLL(str(_PACKAGE / "libtensorflow_cc.so.2"), mode=ctypes.RTLD_LOCAL)
    pointers = (
        "TF_NewStatus TF_NewGraph TF_NewSessionOptions TF_LoadSessionFromSavedModel TF_GraphOperationByName "
        "TF_AllocateTensor TF_TensorData TF_StringGetDataPointer TF_Message"
    )
    for name in pointers.split():
        getattr(library, name).restype = ctypes.c_void_p
    for name in ("TF_Dim", "TF_TensorByteSize", "TF_StringGetSize"):
        getattr(library, name).restype = ctypes.c_size_t
    return library


class Session:
    """A SavedModel in a session of the C API.

    Args:
        folder: The SavedModel.
        threads: Threads of an operation, and of operations side by side.

    Attributes:
        signatures: SignatureDefs by name.
    """

    def __init__(self, folder, threads=0):
        protos()
        from tensorflow.core.protobuf import config_pb2, saved_model_pb2

        saved = saved_model_pb2.SavedModel.FromString((Path(folder) / "saved_model.pb").read_bytes())
        self.signatures = dict(saved.meta_graphs[0].signature_def)
        self.library = _library()
        status, options = self._new("TF_NewStatus"), self._new("TF_NewSessionOptions")
        config = config_pb2.ConfigProto(
            intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads
        ).SerializeToString()
        self.library.TF_SetConfig(options, config, ctypes.c_size_t(len(config)), status)
        self.graph = self._new("TF_NewGraph")
        tags = (ctypes.c_char_p * 1)(b"serve")
        self.session = ctypes.c_void_p(
            self.library.TF_LoadSessionFromSavedModel(
                options, None, str(folder).encode(), tags, 1, self.graph, None, status
            )
        )
        self._check(status)

    def __call__(self, signature, inputs):
        """Return the outputs of a signature by alias; inputs and outputs are arrays, strings objects (bytes)."""
        definition = self.signatures[signature]
        library, status = self.library, self._new("TF_NewStatus")
        feeds = [self._output(definition.inputs[alias].name) for alias in inputs]
        aliases = list(definition.outputs)
        fetches = [self._output(definition.outputs[alias].name) for alias in aliases]
        given = [self._tensor(value) for value in inputs.values()]
        values, found = self._pointers(given), (ctypes.c_void_p * len(aliases))()
        library.TF_SessionRun(
            self.session, None, (_Output * len(feeds))(*feeds), values, len(feeds),
            (_Output * len(fetches))(*fetches), found, len(fetches), None, 0, None, status,
        )  # fmt: skip
        for tensor, value in zip(given, inputs.values(), strict=True):
            self._delete(tensor, value.size if value.dtype == object else 0)
        self._check(status)
        answer = {}
        for alias, address in zip(aliases, found, strict=True):
            tensor = ctypes.c_void_p(address)
            answer[alias] = self._array(tensor)
            self._delete(tensor)
        return answer

    def _new(self, name):
        return ctypes.c_void_p(getattr(self.library, name)())

    def _check(self, status):
        code = self.library.TF_GetCode(status)
        message = ctypes.string_at(self.library.TF_Message(status)).decode(errors="replace")
        self.library.TF_DeleteStatus(status)
        if code:
            raise SessionError(_NAMES.get(code, "UNKNOWN"), message)

    def _output(self, name):
        operation, _, index = name.partition(":")
        return _Output(self.library.TF_GraphOperationByName(self.graph, operation.encode()), int(index or 0))

    @staticmethod
    def _pointers(tensors):
        return (ctypes.c_void_p * len(tensors))(*(tensor.value for tensor in tensors))

    def _tensor(self, value):
        dims = (ctypes.c_int64 * value.ndim)(*value.shape)
        if value.dtype != object:
            value = np.ascontiguousarray(value)
            kind = next(kind for kind, dtype in _DTYPES.items() if value.dtype == dtype)
            tensor = ctypes.c_void_p(
                self.library.TF_AllocateTensor(kind, dims, value.ndim, ctypes.c_size_t(value.nbytes))
            )
            ctypes.memmove(self.library.TF_TensorData(tensor), value.ctypes.data, value.nbytes)
            return tensor
        size = ctypes.c_size_t(_TSTRING * value.size)
        tensor = ctypes.c_void_p(self.library.TF_AllocateTensor(STRING, dims, value.ndim, size))
        for place, one in zip(self._strings(tensor, value.size), value.ravel(), strict=True):
            self.library.TF_StringInit(place)
            self.library.TF_StringCopy(place, one, ctypes.c_size_t(len(one)))
        return tensor

    def _strings(self, tensor, count):
        start = self.library.TF_TensorData(tensor)
        return [ctypes.c_void_p(start + _TSTRING * index) for index in range(count)]

    def _array(self, tensor):
        library = self.library
        shape = [library.TF_Dim(tensor, axis) for axis in range(library.TF_NumDims(tensor))]
        kind = library.TF_TensorType(tensor)
        if kind != STRING:
            data = ctypes.string_at(library.TF_TensorData(tensor), library.TF_TensorByteSize(tensor))
            return np.frombuffer(data, _DTYPES[kind]).reshape(shape)
        found = np.empty(int(np.prod(shape)), object)
        for index, place in enumerate(self._strings(tensor, found.size)):
            found[index] = ctypes.string_at(
                library.TF_StringGetDataPointer(place), library.TF_StringGetSize(place)
            )
        return found.reshape(shape)

    def _delete(self, tensor, strings=0):
        for place in self._strings(tensor, strings):
            self.library.TF_StringDealloc(place)
        self.library.TF_DeleteTensor(tensor)
