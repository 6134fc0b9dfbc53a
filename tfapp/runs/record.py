"""`run.json`, the record that every run folder has, and what keeps results of different settings apart."""

import json
import platform
from datetime import datetime, timezone
from pathlib import Path

from tfapp import __version__
from tfapp.errors import InputError
from tfapp.files import write_json
from tfapp.packed import check_unpacked
from tfapp.records import Entries, TableOf, Text, Whole, checked, read_json, read_record

RECORD = "run.json"
# Kinds of runs, and the command that makes each. Records of segmenters do not name theirs.
SEGMENTATION, POSE, FITTED, TRANSFER = "segmentation", "pose", "fitted poses", "transfer"
DETECTION = "detection"
# A training of one solver has a record of its own, what is to be trained.
SOLVER, JOB = "solver", "job.json"
COMMANDS = {
    SEGMENTATION: "tfapp train",
    POSE: "tfapp pose train",
    FITTED: "tfapp pose fit",
    TRANSFER: "tfapp transfer train",
    DETECTION: "tfapp detect train",
    SOLVER: "tfapp solvers compare",
}


# What every record has, whatever else it holds in other versions.
_EVERY = Entries({"format": Whole(1)}, {"kind": Text()})
_REMEDY = "restore it, or train again with `overwrite`."


def run_kind(path):
    """Return the kind of the run in a folder, a key of `COMMANDS`; None if there is no record, or a damaged one."""
    if (Path(path) / JOB).is_file() and not (Path(path) / RECORD).is_file():
        return SOLVER
    try:
        kind = read_json(Path(path) / RECORD).get("kind", SEGMENTATION)
    except (OSError, ValueError, AttributeError):
        return None
    return kind if isinstance(kind, str) else None


def read_run_record(path, kind, newest, expected=_EVERY):
    """Return the content of `run.json`.

    Args:
        path: Run folder.
        kind: Key of `COMMANDS`.
        newest: Newest format that can be read.
        expected: `tfapp.records.Entries` of what a record of this kind holds.

    Raises:
        InputError: The folder is no run, one of another kind, damaged, or written by a newer version.
    """
    file, command = Path(path) / RECORD, COMMANDS[kind]
    if not file.is_file():
        check_unpacked(path)
        raise InputError(
            f"{path} is not a run folder (it has no {RECORD}){_of_solvers(path)}; expected the `out` of `{command}`."
        )
    record = read_record(file, _EVERY, _REMEDY)
    found, version = record.get("kind", SEGMENTATION), record["format"]
    if found != kind:
        raise InputError(
            f"{path} is a run of `{COMMANDS.get(found, found)}`; expected the `out` of `{command}`."
        )
    if version > newest:
        raise InputError(
            f"{path} was written by a newer tfapp (run format {version}, this version reads up to {newest}); "
            "update tfapp."
        )
    return checked(record, file, expected, _REMEDY)


def _of_solvers(path):
    """Return what to say of a folder that `tfapp solvers compare` made, or that holds one of its trainings; else ""."""
    path = Path(path)
    if (path / JOB).is_file():
        return f", but a training of `{COMMANDS[SOLVER]}`, of which there are landscapes and signals"
    within = next(iter(sorted(path.glob(f"trainings/*/{JOB}"))), None)
    if within is None:
        return ""
    return f", but a comparison of solvers, whose trainings `tfapp landscape` takes, such as {within.parent}"


def check_settings(path, check):
    """Raise InputError, which names `run.json`, if the settings in it are out of range.

    Args:
        path: Run folder.
        check: Function that raises InputError for what it finds.
    """
    try:
        check()
    except InputError as error:
        raise InputError(f"{Path(path) / RECORD} is damaged: {str(error).rstrip('.')}; {_REMEDY}") from None


def new_run_record(kind, run_format, command, content):
    """Return the content of `run.json` of a run that begins now.

    Args:
        kind: Key of `COMMANDS`.
        run_format: Its format, an integer.
        command: The command line that makes the run.
        content: Dictionary of what runs of this kind keep besides.
    """
    return {
        "format": run_format,
        **({} if kind == SEGMENTATION else {"kind": kind}),
        "command": command,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        **content,
        "versions": versions(),
    }


def versions():
    """Return the versions of what a training rests on."""
    import keras
    import numpy as np
    import tensorflow as tf

    return {
        "tfapp": __version__,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def other_settings(now, then):
    """Return the names of the settings in `now` that are others in `then`.

    Args:
        now: Dictionary of settings by name, of values that JSON can hold; a tuple equals the list that it is stored as.
        then: What was stored of them; all are others if it is no dictionary.
    """
    if not isinstance(then, dict):
        return list(now)
    return [name for name, value in now.items() if _stored(value) != _stored(then.get(name))]


def keep_settings(file, settings, refusal):
    """Write the settings that a folder begins with; of one that was begun, refuse others.

    Args:
        file: JSON file of the settings.
        settings: Dictionary of them.
        refusal: Sentence of the error.

    Raises:
        InputError: The file holds other settings.
    """
    if not file.is_file():
        write_json(file, settings)
    elif read_record(file, TableOf(), "remove its folder.") != _stored(settings):
        raise InputError(refusal)


def _stored(value):
    return json.loads(json.dumps(value))
