"""`assets.extra/export.json`, what was exported, from what and checked how, and what a client needs of it."""

import hashlib
import json
import math
import platform
import re
import shlex
from datetime import datetime, timezone
from importlib import metadata as packages
from urllib.parse import quote

from tfapp.errors import InputError
from tfapp.export.errors import ExportError
from tfapp.export.kinds import FURTHER, further_files, kind_of, request_limits
from tfapp.export.signatures import read_signatures
from tfapp.export.versions import resolve_saved_model
from tfapp.records import (
    Entries,
    ListOf,
    Moment,
    Number,
    Optional,
    TableOf,
    Text,
    Whole,
    checked,
    read_record,
)

EXTRA = "assets.extra"
FILE_NAME = "export.json"
FORMAT = 2
LIMITS = (
    "`tfapp export verify` runs the graph by the call that TensorFlow Serving makes; the server itself, with its "
    "HTTP and gRPC front end, version manager and batching, is not exercised."
)


_REMEDY = "restore the folder, or export again."
_ANY_FORMAT = Entries({"format": Whole(1)})
_NEEDED = {
    "verification": Entries({"tolerance": Number(0)}, {"signatures": TableOf()}),
    "warmup": Entries({"records": Whole(0)}, {"note": Optional(Text())}),
    "sha256": TableOf(Text()),
}
_TENSORS = ListOf(Entries({"alias": Text()}, {"meaning": Optional(Text())}))
_FURTHER = {
    **FURTHER,
    "name": Text(),
    "signatures": TableOf(Entries({}, {"inputs": _TENSORS, "outputs": _TENSORS})),
    "metadata": TableOf(),
    "created_utc": Moment(),
}


def write_manifest(folder, *, name, version, servable, metadata, stored_values, report, warmup, engines):
    """Write `export.json` into the SavedModel `folder`, after every other file of it.

    Args:
        folder: Path of the SavedModel.
        name: Name of the model, that of its base folder.
        version: Its version.
        servable: `Servable` that was exported.
        metadata: Plain JSON values of the caller (`plain_values`).
        stored_values: Number of numbers in `variables/`.
        report: `VerificationReport`.
        warmup: Tuple that `write_warmup` returned.
        engines: What `add_engines` returned of the files for other engines.
    """
    content = {
        "format": FORMAT,
        "kind": servable.kind.name,
        "name": name,
        "version": version,
        "created_utc": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": _versions(),
        "git_commit": metadata.get("git_commit"),
        "signatures": _signatures(folder, servable),
        **servable.facts(),
        "values": {"model": servable.model.count_params(), "stored": stored_values},
        "verification": {
            "tolerance": report.tolerance,
            "signatures": {
                parity.signature: {
                    "requests": parity.requests,
                    "max_difference": parity.max_difference,
                    "equal_labels": parity.equal_labels,
                    "largest_gap": parity.largest_gap,
                    "box_difference": parity.box_difference,
                }
                for parity in report.signatures
            },
        },
        "warmup": {"records": warmup[0], "replayed": report.warmup_records, "note": warmup[1]},
        "engines": engines,
        "metadata": metadata,
        "sha256": checksums(folder),
    }
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / EXTRA / FILE_NAME).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder):
    """Content of `export.json` in the SavedModel `folder`, or None where there is none.

    Raises:
        ExportError: the file is damaged, of another program, or of a newer tfapp.
    """
    path = folder / EXTRA / FILE_NAME
    if not path.is_file():
        return None
    try:
        content = read_record(path, _ANY_FORMAT, _REMEDY)
        if content["format"] > FORMAT:
            raise ExportError(
                f"{path} was written by a newer tfapp (format {content['format']}, this version reads up to {FORMAT}); "
                "update tfapp."
            )
        checked(content, path, Entries(_NEEDED, _FURTHER), _REMEDY)
        return checked(content, path, Entries(kind_of(content).entries), _REMEDY)
    except InputError as error:
        raise ExportError(str(error)) from None


def checksums(folder):
    """sha256 by POSIX path of every file below `folder`, without `export.json` itself."""
    own = folder / EXTRA / FILE_NAME
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != own)
    return {path.relative_to(folder).as_posix(): _sha256(path) for path in files}


def plain_values(value, where="metadata"):
    """`value` in plain JSON types: NumPy numbers and arrays unpacked, tuples as lists, NaN and infinity None.

    Raises:
        ExportError: a value that JSON has no word for.
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain_values(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_values(item, f"{where}[{index}]") for index, item in enumerate(value)]
    raise ExportError(f"`{where}` must be a JSON value. Received: {type(value).__name__}.")


def _sha256(path):
    # hashlib.file_digest needs Python 3.11.
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _versions():
    import keras
    import tensorflow as tf

    try:
        own = packages.version("tfapp")
    except packages.PackageNotFoundError:
        own = None
    return {
        "tfapp": own,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "python": platform.python_version(),
    }


def _signatures(folder, servable):
    signatures = read_signatures(folder)
    for signature in signatures.values():
        for tensor in (*signature["inputs"], *signature["outputs"]):
            tensor["meaning"] = servable.meaning(tensor["alias"], tensor["dtype"])
    return signatures


def describe(directory):
    """Describe the SavedModel in `directory`; signatures come from its `saved_model.pb`.

    Args:
        directory: `BASE/<version>`, or `BASE`, of which the highest version is taken.

    Returns:
        Dict of plain JSON values: `name`, `version` (int or None), `directory` (str), `signatures` (dict by
        name of `inputs` and `outputs`, each a list of dicts `alias`, `dtype`, `shape`, `tensor`, `meaning`;
        and the commands `curl` (or None) and `saved_model_cli`), `summary` (list of sentences on what is
        served, empty for a folder of another maker), `requests` (list of sentences on what
        a request may hold and on files for other engines, empty for poses and folders of before), `images` (dict of
        what a model of images takes, or None),
        `class_names` (list or None), `palette` (what the exporter's `metadata` held under that name, or None),
        `docker`, `batching` and `limits` (str).

    Raises:
        ExportError: `directory` is not a SavedModel, or is damaged.
    """
    folder = resolve_saved_model(directory).resolve()
    manifest = read_manifest(folder) or {}
    kind = kind_of(manifest)
    name = manifest.get("name") or folder.parent.name
    version = int(folder.name) if re.fullmatch("[0-9]+", folder.name) else None
    signatures = read_signatures(folder)
    for key, signature in signatures.items():
        meanings = _meanings(manifest.get("signatures", {}).get(key, {}))
        for tensor in (*signature["inputs"], *signature["outputs"]):
            tensor["meaning"] = meanings.get(tensor["alias"])
        signature["curl"] = _curl(name, key, signature["inputs"])
        signature["saved_model_cli"] = _saved_model_cli(folder, key, signature["inputs"])
    return {
        "name": name,
        "version": version,
        "directory": str(folder),
        "signatures": signatures,
        "summary": kind.summary(manifest),
        "requests": [*request_limits(manifest), *further_files(manifest)],
        "images": manifest.get("images"),
        "class_names": manifest.get("class_names"),
        "palette": manifest.get("metadata", {}).get("palette"),
        "docker": _docker(folder.parent, name),
        "batching": kind.batching,
        "limits": LIMITS,
    }


def _meanings(recorded):
    tensors = (*recorded.get("inputs", ()), *recorded.get("outputs", ()))
    return {tensor["alias"]: tensor.get("meaning") for tensor in tensors}


def _curl(name, signature, inputs):
    """A request that can be pasted: two grey pixels, or a file such as image.png; None for other inputs."""
    if len(inputs) != 1:
        return None
    alias, dtype, shape = (inputs[0][key] for key in ("alias", "dtype", "shape"))
    if dtype == "string":
        file = shlex.quote(f"{alias.removesuffix('_bytes')}.png")
        value = f'[{{"b64": "\'"$(base64 < {file} | tr -d "\\n")"\'"}}]'
    elif dtype in ("float32", "uint8") and shape is not None and len(shape) == 4:
        grey = 128 if dtype == "uint8" else 0.5
        height, width = shape[1] or 1, shape[2] or 2
        if height * width > 2:
            return None
        value = json.dumps([[[[grey] * (shape[3] or 3)] * width] * height])
    else:
        return None
    body = f'{{"signature_name": {json.dumps(signature)}, "inputs": {{{json.dumps(alias)}: {value}}}}}'
    # On standard input: an encoded image is longer than a command line may be.
    return f"echo '{body}' | curl -d @- {predict_address(name)}"


def predict_address(name):
    """Return the address, a word of a command line, that a server of this machine answers requests at."""
    return shlex.quote(f"http://localhost:8501/v1/models/{quote(name)}:predict")


def _saved_model_cli(folder, signature, inputs):
    values = " ".join(shlex.quote(f"{tensor['alias']}={tensor['alias']}.npy") for tensor in inputs)
    return (
        f"saved_model_cli run --dir {shlex.quote(str(folder))} --tag_set serve "
        f"--signature_def {shlex.quote(signature)} --inputs {values} --outdir answers"
    )


def _docker(base, name):
    return (
        f"docker run -p 8500:8500 -p 8501:8501 -v {shlex.quote(f'{base}:/models/{name}')} "
        f"-e MODEL_NAME={shlex.quote(name)} tensorflow/serving"
    )
