"""Writer of what is exported: a version folder for TensorFlow Serving, checked before it appears."""

import errno
import math
import os
from abc import ABC, abstractmethod
from pathlib import Path

import keras
import tensorflow as tf

from tfapp.errors import reason_of_call
from tfapp.export.engines.catalogue import checked_formats
from tfapp.export.engines.parity import add_engines
from tfapp.export.errors import ExportError, disk_errors_as_sentences
from tfapp.export.manifest import EXTRA, plain_values, write_manifest
from tfapp.export.requests import save_requests
from tfapp.export.signatures import compiled_functions
from tfapp.export.staging import staging
from tfapp.export.verification import REFERENCE, check
from tfapp.export.versions import check_loadable, choose_version, version_exists
from tfapp.layers.open_sizes import open_sizes

MOST_WARMUP_RECORDS = 1000  # TensorFlow Serving refuses longer files
WARMUP_FILE = "tf_serving_warmup_requests"


def write_version(servable, base_path, version=None, metadata=None, formats=()):
    """Write `servable` to `base_path/<version>/` and return that path.

    The folder is written under a name that TensorFlow Serving ignores, every signature and warm-up record
    is run there in another process through TensorFlow's session and compared with the Keras model, and one
    rename publishes it. Whatever fails, Ctrl-C included, leaves nothing behind; only a killed process leaves
    its `.export-...` folder, which the next export to `base_path` removes. The rename is atomic on a file
    system, not on an object store. Custom gradients are not exported.

    Args:
        servable: `Servable`.
        base_path: Folder of the model, which holds one folder per version; made if missing.
        version: Positive int, or None for the highest existing version plus one.
        metadata: Dict of JSON values kept in `assets.extra/export.json`, or None.
        formats: Names of `tfapp.export.engines.catalogue.FORMATS`: files for other engines to write besides, each
            run by its engine on the requests of `serving_default` and compared likewise.

    Returns:
        `pathlib.Path` of the version folder.

    Raises:
        ExportError: unusable arguments, a folder that cannot be written, or an artifact that does not
            answer as the model does.
    """
    base = Path(base_path)
    kept = plain_values(metadata or {})
    engines = checked_formats(formats)
    check_loadable(base)
    number = choose_version(base, version)
    with disk_errors_as_sentences(base), staging(base) as folder:
        stored, warmup = servable.stored_requests(), servable.warmup_requests()
        further = servable.further_requests()
        stored_values = _write_saved_model(servable, folder, bool(engines))
        extra = folder / EXTRA
        extra.mkdir()
        save_requests(extra / REFERENCE, stored)
        for file_name, text in servable.assets().items():
            (extra / file_name).write_text(text, encoding="utf-8")
        records = write_warmup(extra, warmup, base.resolve().name)
        report = check(
            folder,
            [*stored, *warmup, *further],
            servable.tolerance,
            compare=servable.kind.compare,
            warmup_expected=records[0],
        )
        if not report.passed:
            raise ExportError(f"The exported model does not answer as the Keras model. {report.failures[0]}")
        further_files = add_engines(
            folder, engines, [*stored, *warmup, *further], servable.kind.compare, servable.tolerance
        )
        write_manifest(
            folder,
            name=base.resolve().name,
            version=number,
            servable=servable,
            metadata=kept,
            stored_values=stored_values,
            report=report,
            warmup=records,
            engines=further_files,
        )
        _publish(folder, base, number)
    return base / str(number)


def _write_saved_model(servable, folder, for_converters):
    # Without track(), which stores every variable a second time; the endpoints' own variables are found.
    archive = keras.export.ExportArchive()
    functions = []
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    with open_sizes(servable.model, nearest=for_converters):
        for name, (function, signature) in servable.endpoints().items():
            functions.append(archive.add_endpoint(name, function, input_signature=signature))
            try:
                functions[-1].get_concrete_function()
            except Exception as error:  # anybody's layers may raise anything
                raise ExportError(
                    f"The model cannot be computed in the graph of the signature {name} ({reason_of_call(error)}); a "
                    "layer that must know the size of its images needs a model that is built for one size."
                ) from error
        archive.write_out(str(folder), options=options, verbose=False)
    used = {
        id(variable): math.prod(variable.shape)
        for function in functions
        for variable in function.get_concrete_function().variables
    }
    compiled = compiled_functions(folder)
    if compiled:
        raise ExportError(
            f"The graph must run on servers without XLA: expected no compiled functions, got {', '.join(compiled)}; "
            "set jit_compile='auto' or False in the model's layers."
        )
    stored = stored_values(folder)
    if stored != sum(used.values()):
        raise ExportError(
            f"Each parameter must be stored once: expected {sum(used.values())} numbers, got {stored}."
        )
    return stored


def stored_values(folder):
    """Number of numbers in the variables of the SavedModel `folder`."""
    shapes = tf.train.load_checkpoint(str(folder / "variables" / "variables")).get_variable_to_shape_map()
    own = ("_CHECKPOINTABLE_OBJECT_GRAPH", "save_counter")
    return sum(math.prod(shape) for key, shape in shapes.items() if not key.startswith(own))


def _publish(folder, base, version):
    target = base / str(version)
    if target.exists():
        raise version_exists(base, version)
    try:
        os.rename(folder, target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise version_exists(base, version) from error
        raise


class Servable(ABC):
    """A model with all that its export asks of it.

    What is known of an export without its model, years later, is its `Kind`.

    Attributes:
        kind: The `Kind` of the export.
        model: Keras model that answers.
        tolerance: Largest accepted difference of two numbers computed by two runtimes.
    """

    kind = None

    @abstractmethod
    def endpoints(self):
        """Functions to export: dict by signature name of `(function, input signature)`."""

    @abstractmethod
    def stored_requests(self):
        """The requests, with the answers of the Keras model, that go with the artifact."""

    @abstractmethod
    def warmup_requests(self):
        """The requests, with answers, that the server is to run when it loads the version."""

    def further_requests(self):
        """Requests, with answers, that are checked once and not stored."""
        return []

    @abstractmethod
    def meaning(self, alias, dtype):
        """A sentence on what an input or output of this alias and dtype (name) holds."""

    @abstractmethod
    def facts(self):
        """Dict of plain JSON values that the manifest keeps of the model."""

    def assets(self):
        """Further files for clients: dict of text by file name."""
        return {}


# The first request at a new image size is slower than the next ones; the server pays that before it takes
# traffic. A record that fails makes the server refuse the version, so every record is replayed before a
# version is published.


def write_warmup(extra_folder, requests, model_name):
    """Write `requests` to `extra_folder` as a TFRecord file of PredictionLog.

    Args:
        extra_folder: Folder `assets.extra` of the SavedModel.
        requests: List of `Request`.
        model_name: Name in the requests; the server ignores it here.

    Returns:
        Tuple of the number of records and a sentence that says why there are none, or None.

    Raises:
        ExportError: more than 1000 records.
    """
    if len(requests) > MOST_WARMUP_RECORDS:
        raise ExportError(
            f"`warmup_sizes` must make at most {MOST_WARMUP_RECORDS} records, one per signature and size. "
            f"Received: {len(requests)} records."
        )
    if not requests:
        return 0, "No warm-up requests were written, as `warmup_sizes` is empty."
    try:
        from tensorflow_serving.apis import prediction_log_pb2
    except ImportError:
        return 0, (
            "No warm-up requests were written, as tensorflow-serving-api is missing: "
            "pip install tfapp[serving]."
        )
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(extra_folder / WARMUP_FILE)) as writer:
        for request in requests:
            log = prediction_log_pb2.PredictionLog()
            call = log.predict_log.request
            call.model_spec.name = model_name
            call.model_spec.signature_name = request.signature
            for alias, value in request.inputs.items():
                call.inputs[alias].CopyFrom(tf.make_tensor_proto(value))
            writer.write(log.SerializeToString())
    return len(requests), None
