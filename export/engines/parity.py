"""Make the files of other engines, and compare what each of them answers with the Keras model."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tfapp.export.engines.catalogue import ENGINES
from tfapp.export.errors import ExportError
from tfapp.export.requests import DEFAULT, Request
from tfapp.export.session import ask_script, how_it_ended, run_script
from tfapp.export.staging import checking

_HERE = Path(__file__).parent
_CONVERSION, _ANSWERS = _HERE / "conversion_script.py", _HERE / "answers_script.py"


@dataclass(frozen=True)
class EngineParity:
    """How an engine answers.

    Attributes:
        engine: Its name.
        file: The file that it runs, relative to the SavedModel; None for the SavedModel itself.
        version: The engine with its version.
        requests: Number of requests that were run.
        tolerance: Largest accepted difference of two numbers; None where differences are only told.
        max_difference: Largest absolute difference of the numbers that it gives.
        equal_labels: Share of equal labels in [0, 1] of the request that has fewest.
        failures: Sentences, empty where all is well.
    """

    engine: str
    file: str | None
    version: str
    requests: int
    tolerance: float | None
    max_difference: float | None
    equal_labels: float | None
    failures: tuple[str, ...] = ()


def add_engines(folder, engines, requests, compare, tolerance):
    """Write the file of each of `engines` into the SavedModel `folder`, and check it.

    Args:
        folder: Path of the SavedModel.
        engines: `Engine`s that have a file.
        requests: List of `Request` with expected outputs, of which those of `serving_default` are run.
        compare: Function that compares one answer, as that of a `Kind`.
        tolerance: Largest accepted difference of the signatures.

    Returns:
        Dict by name of the engine of plain values for `export.json`.

    Raises:
        ExportError: a model that cannot be converted, or a file that does not answer as the Keras model.
    """
    found = {}
    versions = _convert(folder, engines) if engines else {}
    for engine in engines:
        parity = check_engine(folder, engine, requests, compare, tolerance)
        if parity.failures:
            raise ExportError(
                f"The {engine.title} file does not answer as the Keras model. {parity.failures[0]} Export without it."
            )
        kept = {key: value for key, value in asdict(parity).items() if key not in ("engine", "failures")}
        found[engine.name] = {**kept, "converted_by": versions[engine.name]}
    return found


def _convert(folder, engines):
    """Write the files of `engines`, and return by engine what wrote it: versions by name."""
    targets = [word for engine in engines for word in (engine.name, (folder / engine.file).resolve())]
    with checking() as place:
        report_file = place / "report.json"
        done = run_script(_CONVERSION, [folder.resolve(), report_file, *targets], place)
        if done.returncode != 0:
            titles = " and ".join(engine.title for engine in engines)
            raise ExportError(f"The process that converts the model to {titles} {how_it_ended(done)}.")
        report = json.loads(report_file.read_text(encoding="utf-8"))
    for engine in engines:
        if "error" in report[engine.name]:
            raise ExportError(
                f"The model cannot be converted to {engine.title} ({report[engine.name]['error']}); export without it."
            )
    return {name: told["versions"] for name, told in report.items()}


def check_engine(folder, engine, requests, compare, tolerance):
    """Run the requests of `serving_default` on an engine and return its `EngineParity`.

    One of them is also run twice in one batch.

    Args:
        engine: `Engine`, whose packages are installed.
        folder, requests, compare, tolerance: As of `add_engines`.
    """
    requests = [request for request in requests if request.signature == DEFAULT]
    requests += [_doubled(request) for request in requests[:1]]
    accepted = engine.accepted(tolerance)
    target = folder / engine.file if engine.file else folder
    report, outputs, errors = ask_script(_ANSWERS, (engine.name, target.resolve()), requests)
    failures, differences, shares = [], [], []
    if report["load_error"]:
        failures.append(f"{engine.title} does not load it: {report['load_error']}.")
        requests = []
    if not requests and not failures:
        failures.append(f"There is no request of {DEFAULT} to compare with.")
    for number, request in enumerate(requests):
        failure = errors[number]
        if failure is None:
            difference, share, failure = compare(request, outputs[number], accepted)
            differences.append(difference)
            shares.append(share)
        if failure:
            failures.append(f"{engine.title}, request {number}: {failure}.")
    return EngineParity(
        engine=engine.name,
        file=engine.file,
        version=report["engine"],
        requests=len(requests),
        tolerance=accepted if engine.is_exact else None,
        max_difference=max((one for one in differences if one is not None), default=None),
        equal_labels=min((one for one in shares if one is not None), default=None),
        failures=tuple(failures),
    )


def _doubled(request):
    def twice(arrays):
        return {alias: np.repeat(array, 2, axis=0) for alias, array in arrays.items()}

    return Request(request.signature, twice(request.inputs), twice(request.expected))


def known_engine(name):
    """Return the `Engine` of a name.

    Raises:
        ExportError: there is none, or a package that it needs is missing.
    """
    if name not in ENGINES:
        raise ExportError(f"Unknown engine {name!r}; choose one of: session, {', '.join(ENGINES)}.")
    ENGINES[name].check_installed(ENGINES[name].runs)
    return ENGINES[name]
