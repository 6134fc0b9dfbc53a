"""Start scripts that answer requests, `session_check.py` first of all, in processes of their own."""

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
    report, outputs, errors = ask_script(_SCRIPT, (Path(saved_model).resolve(),), requests)
    return Answers(outputs, errors, report["load_error"], report["warmup"])


def ask_script(script, arguments, requests):
    """Run `requests` by a `script` that takes arguments, a file of requests and a folder for answers.

    Args:
        script: Path of the script.
        arguments: What it takes first; the last of them is what it checks.
        requests: List of `Request`.

    Returns:
        Tuple of what the script reports, the outputs by alias of each request (empty where it failed), and for each
        request a sentence or None.

    Raises:
        ExportError: the process ended without an answer.
    """
    with checking() as folder:
        requests_file = folder / "requests.npz"
        save_requests(requests_file, requests)
        done = run_script(script, [*arguments, requests_file, folder], folder)
        if done.returncode != 0:
            raise ExportError(f"The process that checks {arguments[-1]} {how_it_ended(done)}.")
        return _read_answers(folder, len(requests))


def run_script(script, arguments, folder):
    """Run a script in a process of its own, on the CPU, in `folder`; return what `subprocess.run` does."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    return subprocess.run(
        [sys.executable, str(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        errors="replace",
        env={**environment, "TMPDIR": str(folder)},
        cwd=folder,
    )


def how_it_ended(done):
    """How a process that failed ended, and its last words."""
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    last = said[-1].rstrip(".") if said else "nothing"
    how = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
    return f"ended with {how}; its last words: {last}"


def _read_answers(folder, num_requests):
    report = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
    outputs = [{} for _ in range(num_requests)]
    with np.load(folder / "answers.npz", allow_pickle=False) as stored:
        for key in stored.files:
            index, alias = key.split("/", 1)
            outputs[int(index)][alias] = stored[key]
    errors = [report["errors"].get(str(index)) for index in range(num_requests)]
    return report, outputs, errors
