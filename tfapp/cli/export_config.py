"""Command `tfapp export config`: write the configuration of a server of several models and versions, or check one."""

import re
import shlex
from pathlib import Path
from typing import Annotated

import typer

from tfapp.claims import claimed_file
from tfapp.cli.console import console, export_errors_as_input, print_table, print_written
from tfapp.errors import InputError

# Where the folder of the configuration is mounted in a container. Not the file alone: a container would go on seeing
# the old one when a new one takes its name.
_MOUNTED = "/config"


def config(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="BASE_DIR...",
            help="Folders of served models to configure; or one models.config to check.",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="File to write.", show_default="models.config in this folder")
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            help="A label of a version, NAME=VERSION, such as stable=3; MODEL:NAME=VERSION of several models."
        ),
    ] = None,
    versions: Annotated[
        str | None,
        typer.Option(
            help="Versions to serve: latest, latest:N, all, or numbers such as 3,4.",
            show_default="those with labels, or the latest",
        ),
    ] = None,
    batching: Annotated[
        int | None,
        typer.Option(
            min=2, max=100_000, help="Also write batching parameters, of so many rows, with their warnings."
        ),
    ] = None,
    local: Annotated[
        bool, typer.Option("--local", help="For a server on this machine, and not in a container.")
    ] = False,
    models: Annotated[
        Path | None, typer.Option(help="To check a file: the folder here that is /models on the server.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
):
    """Write models.config for a server of several models or versions, and the line that starts it; or check one."""
    with export_errors_as_input():
        if len(paths) == 1 and paths[0].is_file():
            typed = {
                "--out": out, "--label": label, "--versions": versions, "--batching": batching,
                "--local": local, "--overwrite": overwrite,
            }  # fmt: skip
            _check(paths[0], models, [flag for flag, value in typed.items() if value])
            return
        if models is not None:
            raise InputError(f"--models is for checking a models.config; {paths[0]} is no file.")
        _write(paths, out or Path("models.config"), label or [], versions, batching, local, overwrite)


def _check(path, root, others):
    from tfapp.export import check_models_config

    if others:
        raise InputError(f"{path} is a file, which is checked; {others[0]} is for writing one.")
    _table(check_models_config(path, root))
    console.print(f"{path} names models and versions that are there.", highlight=False, soft_wrap=True)


def _write(folders, out, labels, versions, batching, local, overwrite):
    from tfapp.export import ServedModel, describe, write_models_config
    from tfapp.export.models_config import CONTAINER, batching_parameters, server_flags
    from tfapp.files import atomic_path

    names = [folder.resolve().name for folder in folders]
    chosen = _labels(labels, names)
    policy = _policy(versions)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(
            f"Two of these folders are called {twice!r}, the name that each is asked for by; rename one of them."
        )
    served = [
        ServedModel(folder, name, policy, chosen.get(name, {}))
        for folder, name in zip(folders, names, strict=True)
    ]
    batching_file = out.with_name("batching.config") if batching else None
    for file in filter(None, (out, batching_file)):
        if file.exists() and not overwrite:
            raise InputError(f"{file} already exists; choose another `out`, or replace it with `overwrite`.")
    with claimed_file(out):
        found = write_models_config(out, served, None if local else CONTAINER)
        if batching:
            with atomic_path(batching_file) as temporary:
                warnings = [describe(folder)["batching"] for folder in folders]
                temporary.write_text(batching_parameters(batching, warnings), encoding="utf-8")
    _table(found, {model.served_name: model.labels for model in served})
    print_written(*filter(None, (out, batching_file)))
    place = out.resolve().parent if local else Path(_MOUNTED)
    flags = server_flags(served, place / out.name, place / batching_file.name if batching else None)
    console.print("Serve:")
    console.print(f"  {_server(served, out, flags, local)}", highlight=False, soft_wrap=True)
    loaded = (
        "A new version is loaded once it is written there."
        if any(_is_open(model.policy) for model in served)
        else "The versions that the file names are loaded, and no new ones: to move a label or add a version, write it "
        "again."
    )
    if any(isinstance(model.policy, int) and model.labels for model in served):
        loaded += (
            " A version that is no longer one of the latest is unloaded, and a label of it then names nothing: move "
            "the label before."
        )
    console.print(f"{loaded} The server reads the file every 60 s.", soft_wrap=True)


def _is_open(policy):
    """Return whether versions that are written later are served too: all, or so many of the latest."""
    return policy == "all" or isinstance(policy, int)


def _server(served, out, flags, local):
    if local:
        return shlex.join(["tensorflow_model_server", "--port=8500", "--rest_api_port=8501", *flags])
    mounts = [f"{Path(model.folder).resolve()}:/models/{model.served_name}:ro" for model in served]
    mounts.append(f"{out.resolve().parent}:{_MOUNTED}:ro")
    ports = ["-p", "8500:8500", "-p", "8501:8501"]
    volumes = [word for mount in mounts for word in ("-v", mount)]
    return shlex.join(["docker", "run", *ports, *volumes, "tensorflow/serving", *flags])


def _table(found, labels=None):
    from tfapp.report.result_table import ResultTable

    rows = []
    for name, served in found.items():
        told = ", ".join(f"{label} {version}" for label, version in (labels or {}).get(name, {}).items())
        rows.append(
            (name, ", ".join(map(str, served)), told) if labels else (name, ", ".join(map(str, served)))
        )
    print_table(ResultTable(["model", "versions", *(["labels"] if labels else [])], rows))


def _labels(texts, names):
    """Return dicts of versions by label, by name of the model."""
    found = {}
    for text in texts:
        parts = re.fullmatch(r"(?:([^/:=\s]+):)?([^/:=\s]+)=([1-9][0-9]{0,18})", text)
        if not parts:
            raise InputError(f"--label {text!r} is not understood; expected NAME=VERSION, such as stable=3.")
        model, label, version = parts.groups()
        if model is None and len(names) > 1:
            raise InputError(
                f"--label {text!r} does not say of which model; expected MODEL:NAME=VERSION, such as {names[0]}:{text}."
            )
        model = model or names[0]
        if model not in names:
            raise InputError(f"--label {text!r} names the model {model!r}; there are: {', '.join(names)}.")
        if label in found.setdefault(model, {}):
            raise InputError(f"--label names {label!r} of {model} twice; a label stands for one version.")
        found[model][label] = int(version)
    return found


def _policy(text):
    """Return what `--versions` means, as `ServedModel.versions`."""
    if text is None or text == "all":
        return text
    if latest := re.fullmatch(r"latest(?::([1-9][0-9]{0,5}))?", text):
        return int(latest[1] or 1)
    if re.fullmatch(r"[1-9][0-9]{0,18}(,[1-9][0-9]{0,18})*", text):
        return [int(number) for number in text.split(",")]
    raise InputError(
        f"--versions {text!r} is not understood; expected latest, latest:N, all, or numbers such as 3,4."
    )
