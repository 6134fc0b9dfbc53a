"""Start `session_check.py` in a process of its own and read its answers."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfapp.export.errors import ExportError
from tfapp.export.requests import save_requests
from tfapp.export.staging import checking
from tfapp.export.versions import check_loadable

_SCRIPT = Path(__file__).with_name("session_check.py")


@dataclass(frozen=True)
class Answers:
    """What the session said.

    Attributes:
        outputs: Per request, arrays by output alias; empty where it failed.
        errors: Per request, one sentence or None.
        load_error: Sentence if the SavedModel could not be loaded at all, else None.
        warmup: Dict of `records` (int, replayed), `error` and `skipped` (sentences or None).
    """

    outputs: list[dict[str, np.ndarray]]
    errors: list[str | None]
    load_error: str | None
    warmup: dict


def ask_session(saved_model, requests):
    """Run `requests` on the folder `saved_model` through the C++ session, replay its warm-up records.

    The process runs on the CPU: the answers are comparable on every machine, and a parent that holds
    the memory of the GPU does not starve it.

    Raises:
        ExportError: the process itself ended without an answer.
    """
    check_loadable(saved_model)
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    with checking() as folder:
        requests_file = folder / "requests.npz"
        save_requests(requests_file, requests)
        done = subprocess.run(
            [sys.executable, str(_SCRIPT), str(Path(saved_model).resolve()), str(requests_file), str(folder)],
            capture_output=True,
            text=True,
            errors="replace",
            env=environment,
            cwd=folder,
        )
        if done.returncode != 0:
            raise ExportError(_ended_without_answer(saved_model, done))
        return _read_answers(folder, len(requests))


def _ended_without_answer(saved_model, done):
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    last = said[-1].rstrip(".") if said else "nothing"
    how = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
    return f"The process that checks {saved_model} ended with {how}; its last words: {last}."


def _read_answers(folder, num_requests):
    report = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
    outputs = [{} for _ in range(num_requests)]
    with np.load(folder / "answers.npz", allow_pickle=False) as stored:
        for key in stored.files:
            index, alias = key.split("/", 1)
            outputs[int(index)][alias] = stored[key]
    errors = [report["errors"].get(str(index)) for index in range(num_requests)]
    return Answers(outputs, errors, report["load_error"], report["warmup"])
