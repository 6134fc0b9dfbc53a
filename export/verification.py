"""Check an exported folder through the C++ session, now or years later."""

import io
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from tfapp.archives import DAMAGED
from tfapp.export.comparisons import box_difference, promise_failure
from tfapp.export.engines.parity import check_engine, known_engine
from tfapp.export.errors import ExportError
from tfapp.export.kinds import kind_of
from tfapp.export.manifest import EXTRA, checksums, read_manifest
from tfapp.export.requests import DEFAULT, Request, load_requests, sample_image
from tfapp.export.session import ask_session
from tfapp.export.signatures import read_signatures
from tfapp.export.versions import resolve_saved_model

REFERENCE = "verification.npz"
_FREE_SIZE = 64


def verify(directory, engine=None):
    """Check the SavedModel in `directory` without the Keras model that it came from.

    A process that knows neither tfapp nor the model sends the stored reference requests through
    TensorFlow's session, by the call that TensorFlow Serving makes, and replays the warm-up records; the
    sha256 of every file is compared with the one recorded at export. A folder of another
    maker, without `assets.extra/export.json`, gets one generated request per signature that takes images,
    of which shapes and finiteness are checked. The HTTP and gRPC front end of TensorFlow Serving takes no
    part in this.

    Args:
        directory: `BASE/<version>`, or `BASE`, of which the highest version is taken.
        engine: None, or another engine, by its name in `tfapp.export.engines.catalogue.ENGINES`, to run in place of
            the session: on the SavedModel (`openvino`), or on its own file that the export wrote.

    Returns:
        `VerificationReport`; what is wrong stands in its `failures`, nothing is raised for it.

    Raises:
        ExportError: `directory` is not a SavedModel, or the process could not answer; an unknown `engine`, one that is
            not installed, or of which the export has no file.
    """
    other = None if engine is None else known_engine(engine)
    folder = resolve_saved_model(directory)
    manifest = read_manifest(folder)
    if other is not None:
        _check_has_file(folder, manifest, other)
    if manifest is None:
        return _probe(folder)
    failures, num_files = _changed_files(folder, manifest["sha256"])
    try:
        requests = load_requests(folder / EXTRA / REFERENCE)
    except DAMAGED:
        requests = []
        failures.append(f"{EXTRA}/{REFERENCE} cannot be read: there is no reference to compare with.")
    if other is not None:
        found = check_engine(
            folder, other, requests, kind_of(manifest).compare, manifest["verification"]["tolerance"]
        )
        return _report_of_engine(folder, found, failures, num_files)
    return check(
        folder,
        requests,
        manifest["verification"]["tolerance"],
        compare=kind_of(manifest).compare,
        failures=failures,
        files_checked=num_files,
        warmup_expected=manifest["warmup"]["records"],
    )


def _check_has_file(folder, manifest, engine):
    if manifest is None:
        raise ExportError(
            f"{folder} was not exported by tfapp: it has no answers to compare those of {engine.title} with."
        )
    if engine.file and not (folder / engine.file).is_file():
        raise ExportError(
            f"{folder} has no {engine.file} for {engine.title}; export again with it (`tfapp export --help`)."
        )


def _report_of_engine(folder, found, failures, num_files):
    parity = SignatureParity(DEFAULT, found.requests, found.max_difference, found.equal_labels)
    of_other = () if found.tolerance is not None else ("Of this engine differences are told, not judged.",)
    return VerificationReport(
        directory=folder,
        tolerance=found.tolerance,
        signatures=(parity,) if found.requests else (),
        files_checked=num_files,
        failures=(*failures, *found.failures),
        notes=(f"Run by {found.version}, {DEFAULT} alone; warm-up records are for TensorFlow.", *of_other),
    )


def check(folder, requests, tolerance, *, compare, warmup_expected, failures=(), files_checked=0):
    """Run `requests` on `folder` and compare every answer with its expected one.

    Args:
        folder: Path of a SavedModel.
        requests: List of `Request` with expected outputs.
        tolerance: Largest accepted absolute difference of a number.
        compare: Function that compares one answer, as that of a `Kind`.
        warmup_expected: Number of warm-up records that the folder should hold.
        failures: Sentences found before.
        files_checked: Number of files whose sha256 was compared before.

    Returns:
        `VerificationReport`.
    """
    answers = ask_session(folder, requests)
    failures = [*failures, *_load_failures(answers)]
    results = {}
    for number, request in enumerate(requests):
        difference, share, failure = None, None, answers.errors[number]
        if answers.load_error is None and failure is None:
            difference, share, failure = compare(request, answers.outputs[number], tolerance)
        if failure:
            failures.append(f"{request.signature}, request {number}: {failure}.")
        gap = _largest_gap(request, answers.outputs[number])
        pixels = None if failure else box_difference(request.expected, answers.outputs[number])
        results.setdefault(request.signature, []).append((difference, share, gap, pixels))
    warmup_failures, notes = _warmup_failures_and_notes(answers, warmup_expected)
    return VerificationReport(
        directory=folder,
        tolerance=tolerance,
        signatures=tuple(_parity(name, found) for name, found in results.items()),
        warmup_records=answers.warmup["records"],
        files_checked=files_checked,
        failures=(*failures, *warmup_failures),
        notes=(*_notes_on_boxes(requests), *notes),
    )


def _notes_on_boxes(requests):
    counts = [request.expected["counts"].sum() for request in requests if "counts" in request.expected]
    if not counts or any(counts):
        return ()
    return ("None of the requests gives a box: that nothing is found is all that was compared.",)


def _probe(folder):
    signatures = read_signatures(folder)
    requests, skipped = probe_requests(signatures)
    notes = ["No reference was stored with this folder: only shapes and finite numbers were checked."]
    notes += [f"{name} was not run: it does not take one batch of images." for name in skipped]
    answers = ask_session(folder, requests)
    failures = _load_failures(answers)
    if not requests:
        failures.append("No signature takes one batch of images: no request could be made.")
    for number, request in enumerate(requests):
        failure = answers.errors[number]
        if answers.load_error is None and failure is None:
            failure = promise_failure(signatures[request.signature], answers.outputs[number])
        if failure:
            failures.append(f"{request.signature}: {failure}.")
    warmup_failures, warmup_notes = _warmup_failures_and_notes(answers, None)
    return VerificationReport(
        directory=folder,
        tolerance=None,
        signatures=tuple(SignatureParity(request.signature, 1) for request in requests),
        warmup_records=answers.warmup["records"],
        failures=(*failures, *warmup_failures),
        notes=(*notes, *warmup_notes),
    )


def _changed_files(folder, recorded):
    found = checksums(folder)
    failures = [f"{name} is missing." for name in recorded if name not in found]
    failures += [
        f"{name} was changed: its sha256 expected {digest}, got {found[name]}."
        for name, digest in recorded.items()
        if found.get(name, digest) != digest
    ]
    failures += [f"{name} was added after the export." for name in found if name not in recorded]
    return failures, len(recorded)


def _load_failures(answers):
    return [f"The SavedModel does not load: {answers.load_error}."] if answers.load_error else []


def _warmup_failures_and_notes(answers, expected):
    warmup = answers.warmup
    if warmup["error"]:
        return [f"Warm-up fails, and with it the start of the server: {warmup['error']}."], []
    if warmup["skipped"]:
        return [], [f"The warm-up records were not replayed: {warmup['skipped']}."]
    if expected is not None and not answers.load_error and warmup["records"] != expected:
        return [f"Warm-up records expected {expected}, got {warmup['records']}."], []
    return [], []


def _largest_gap(request, outputs):
    return float(outputs["gap"].max()) if "gap" in request.expected and "gap" in outputs else None


def _parity(name, results):
    differences, shares, gaps, pixels = (
        [value for value in column if value is not None] for column in zip(*results, strict=True)
    )
    return SignatureParity(
        name,
        len(results),
        max(differences, default=None),
        min(shares, default=None),
        max(gaps, default=None),
        max(pixels, default=None),
    )


@dataclass(frozen=True)
class SignatureParity:
    """How one signature compares with the reference.

    Attributes:
        signature: Its name.
        requests: Number of requests run.
        max_difference: Largest absolute difference of the numbers it gives; None where it has none, or where
            no reference was stored.
        equal_labels: Share of equal labels in [0, 1]; None likewise.
        largest_gap: Largest duality gap per pixel that it gave; None where it gives none.
        box_difference: Largest difference of a corner of a box in pixels; None where it gives no boxes.
    """

    signature: str
    requests: int
    max_difference: float | None = None
    equal_labels: float | None = None
    largest_gap: float | None = None
    box_difference: float | None = None


@dataclass(frozen=True)
class VerificationReport:
    """Result of `verify`.

    Attributes:
        directory: Folder of the SavedModel that was checked.
        tolerance: Largest accepted difference of a number; None without a stored reference.
        signatures: One `SignatureParity` per signature that was run.
        warmup_records: Number of warm-up records replayed without error.
        files_checked: Number of files whose sha256 was compared.
        failures: Sentences, empty where all is well.
        notes: Sentences on what could not be checked here.
    """

    directory: Path
    tolerance: float | None
    signatures: tuple[SignatureParity, ...]
    warmup_records: int = 0
    files_checked: int = 0
    failures: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def passed(self):
        """Whether nothing failed."""
        return not self.failures

    def as_dict(self):
        """Plain values for JSON."""
        return {**asdict(self), "directory": str(self.directory), "passed": self.passed}


def probe_requests(signatures):
    """Make one request for each signature that takes a batch of images.

    Args:
        signatures: What `read_signatures` returns.

    Returns:
        Tuple of a list of `Request` without expected outputs, and a list of the signatures left out.
    """
    requests, skipped = [], []
    for name, signature in signatures.items():
        inputs = signature["inputs"]
        value = _image_for(inputs[0]) if len(inputs) == 1 else None
        if value is None:
            skipped.append(name)
        else:
            requests.append(Request(name, {inputs[0]["alias"]: value}))
    return requests, skipped


def _image_for(tensor):
    shape, dtype = tensor["shape"], tensor["dtype"]
    if dtype == "string" and shape is not None and len(shape) == 1:
        # A string may be a serialized tf.Example as well; only the name tells.
        named = any(word in tensor["alias"] for word in ("image", "bytes", "b64"))
        return np.array([_png()] * (shape[0] or 1), "S") if named else None
    if dtype not in ("float32", "uint8") or shape is None or len(shape) != 4:
        return None
    batch, height, width, channels = (
        size or free for size, free in zip(shape, (1, _FREE_SIZE, _FREE_SIZE, 3), strict=True)
    )
    image = np.repeat(sample_image((height, width), channels)[np.newaxis], batch, axis=0)
    return image if dtype == "uint8" else (image / 255).astype(np.float32)


def _png():
    file = io.BytesIO()
    Image.fromarray(sample_image((_FREE_SIZE, _FREE_SIZE), 3)).save(file, "PNG")
    return file.getvalue()
