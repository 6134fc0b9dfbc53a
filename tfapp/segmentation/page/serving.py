"""Section on exported SavedModels, read from the exported folders themselves."""

import shlex
from html import escape

from tfapp.errors import InputError
from tfapp.export import ExportError, describe
from tfapp.export.kinds import SEGMENTER, kind_of
from tfapp.export.manifest import read_manifest
from tfapp.export.versions import resolve_saved_model
from tfapp.report.markup import Section, command, facts, moment, paragraph, table, to_do

INTRODUCTION = (
    "A SavedModel is the trained network in a folder that TensorFlow Serving loads without this program. "
    "Before the folder appeared, every signature (a way to call the network) was run from it and compared with the "
    "network that was trained."
)


def export_section(folders, runs=()):
    """Return the `Section` about exported folders, or None where there are none.

    Args:
        folders: Paths of `BASE/<version>`, or of `BASE`, of which the highest version is taken.
        runs: The `Run`s of the page. An export of one of them from before it was trained further is left out, with the
            command that exports it again.

    Raises:
        InputError: For a folder that is not a SavedModel, is damaged, or holds no segmenter.
    """
    if not folders:
        return None
    body = "\n".join([paragraph(INTRODUCTION), *(_exported(folder, runs) for folder in folders)])
    return Section("serving", "Serving", "Exported for TensorFlow Serving", body)


def _exported(path, runs):
    try:
        folder = resolve_saved_model(path)
        served, manifest = describe(folder), read_manifest(folder) or {}
        kind = kind_of(manifest)
    except ExportError as error:
        raise InputError(str(error)) from error
    if kind is not SEGMENTER:
        raise InputError(
            f"{folder} is the export of a {kind.name}; a report is of segmenters: leave it out of `exports`, and look "
            f"at it with `tfapp export show {shlex.quote(str(folder))}`."
        )
    origin = manifest.get("metadata", {})
    outdated = _outdated(origin, runs)
    if outdated is not None:
        line = f"tfapp export {shlex.quote(str(outdated.path))} {shlex.quote(str(folder.parent))}"
        return to_do(f"{folder} was exported before the training of {outdated.path} went on: run", line)
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    known = {
        "Version": str(served["version"] or "–"),
        "Size": f"{size / 1e6:.1f} MB",
        "Written": moment(manifest["created_utc"]) if "created_utc" in manifest else "–",
        "Classes": ", ".join(served["class_names"] or ("–",)),
    }
    return "\n".join(
        [
            f'<div class="card"><h3>{escape(served["name"])}</h3>',
            facts(known),
            f'<p class="aside">Folder: <code>{escape(str(folder))}</code></p>',
            *_remark(origin, runs),
            _signatures(served["signatures"], manifest.get("verification", {})),
            paragraph("Serve it with Docker:"),
            command(served["docker"]),
            *_example_call(served["signatures"]),
            paragraph(f"{served['batching']} {served['limits']}", "aside"),
            "</div>",
        ]
    )


def _outdated(origin, runs):
    """Return the run, if any, that an export is of as it was before it was trained further.

    Args:
        origin: Dictionary of what the export says of its origin.
        runs: The `Run`s that it may be of.
    """
    of_name = [run for run in runs if origin.get("run") == run.path.name]
    if "weights" in origin:
        is_one = any(run.is_current(origin["weights"]) for run in runs)
    else:
        is_one = any(_has_options(run, origin.get("config")) for run in of_name)
    return of_name[0] if of_name and not is_one else None


def _has_options(run, config):
    # Of earlier versions no more can be told: more training shows in the options.
    if not isinstance(config, dict):
        return True
    return all(config[name] == run.config.get(name) for name in ("epochs", "until_loss") if name in config)


def _remark(origin, runs):
    """Return a remark, if any, that an export is not known to be of a run of the page."""
    if not runs:
        return []
    if "weights" not in origin:
        text = (
            "It does not keep of which weights it is, as exports of earlier versions: after more training, export it "
            "again."
        )
    elif not any(run.is_current(origin["weights"]) for run in runs):
        text = "It has other weights than the networks of this page."
    else:
        return []
    return [paragraph(text, "note")]


def _signatures(signatures, verification):
    parities = verification.get("signatures", {})
    rows = [
        [
            name,
            _tensors(signature["inputs"]),
            _tensors(signature["outputs"]),
            *_parity(parities.get(name, {})),
        ]
        for name, signature in signatures.items()
    ]
    header = ["signature", "takes", "gives", "largest difference", "equal labels"]
    tolerance = verification.get("tolerance")
    limit = "" if tolerance is None else f" (probabilities may differ by {tolerance:g})"
    return table(header, rows, f"Signatures, compared with the trained network{limit}", "text")


def _tensors(tensors):
    return ", ".join(f"{tensor['alias']} ({tensor['dtype']})" for tensor in tensors)


def _parity(parity):
    difference, equal = parity.get("max_difference"), parity.get("equal_labels")
    return (
        "–" if difference is None else f"{difference:.1e}",
        "–" if equal is None else f"{100 * equal:.2f} %",
    )


def _example_call(signatures):
    """A request with an image file where the model takes one, otherwise any that there is."""
    calls = {name: signature["curl"] for name, signature in signatures.items() if signature["curl"]}
    name = "serving_bytes" if "serving_bytes" in calls else next(iter(calls), None)
    if name is None:
        return []
    return [paragraph(f"Call it ({name}):"), command(calls[name])]
