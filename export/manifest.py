"""`assets.extra/export.json`: what was exported, from what, checked how; TensorFlow Serving ignores it."""

import hashlib
import json
import math
import platform
from datetime import datetime, timezone
from importlib import metadata as packages

from tfapp.export.errors import ExportError
from tfapp.export.signature_defs import read_signatures

EXTRA = "assets.extra"
FILE_NAME = "export.json"
FORMAT = 2


def write_manifest(folder, *, name, version, servable, metadata, stored_values, report, warmup):
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
                }
                for parity in report.signatures
            },
        },
        "warmup": {"records": warmup[0], "replayed": report.warmup_records, "note": warmup[1]},
        "metadata": metadata,
        "sha256": checksums(folder),
    }
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / EXTRA / FILE_NAME).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder):
    """Content of `export.json` in the SavedModel `folder`, or None where there is none.

    Raises:
        ExportError: the file is damaged, or of a newer tfapp.
    """
    path = folder / EXTRA / FILE_NAME
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        written_format = int(content["format"])
    except (ValueError, TypeError, KeyError) as error:
        raise ExportError(f"{path} is damaged: it is not what `tfapp export` writes.") from error
    if written_format > FORMAT:
        raise ExportError(
            f"{path} was written by a newer tfapp (format {written_format}, this version reads up to {FORMAT}); "
            "update tfapp."
        )
    return content


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
