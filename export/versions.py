"""Version folders as TensorFlow Serving reads them: every child whose name is a whole number."""

import os
import re
from pathlib import Path

from tfapp.export.errors import ExportError

_LARGEST = 2**63 - 1  # TensorFlow Serving keeps versions in int64


def existing_versions(base_path):
    """Versions under `base_path`, ascending; `00001` counts as 1, as it does for the server.

    Args:
        base_path: Folder that holds the version folders; it may be missing.

    Returns:
        List of int, empty where there are none.
    """
    base = Path(base_path)
    if not base.is_dir():
        return []
    numbers = {int(child.name) for child in base.iterdir() if re.fullmatch("[0-9]+", child.name)}
    return sorted(number for number in numbers if number <= _LARGEST)


def choose_version(base_path, version=None):
    """Return `version` if it is free, or the highest existing version plus one where it is None.

    Raises:
        ExportError: `version` is not a positive integer, or already exists.
    """
    taken = existing_versions(base_path)
    if version is None:
        return max(taken, default=0) + 1
    if isinstance(version, bool) or not isinstance(version, int) or not 1 <= version <= _LARGEST:
        raise ExportError(f"`version` must be a positive integer. Received: version={version!r}.")
    if version in taken:
        raise version_exists(base_path, version)
    return version


def version_exists(base_path, version):
    """The error for a version that is already there."""
    return ExportError(
        f"Version {version} already exists in {base_path} and is never overwritten; "
        "give another `version`, or none for the next free one."
    )


def is_served_word(text):
    """Return whether a text can be the name of a served model or a label, which stand in addresses."""
    return re.fullmatch(r"[^/:?#\s]+", text) is not None and text.isprintable()


def check_loadable(path):
    """Raise ExportError for a folder from which TensorFlow cannot load, as it takes its path for a pattern."""
    full = Path(os.path.abspath(path)).as_posix()
    found = re.search(r"\\|\[.+\]", full)
    if found:
        raise ExportError(
            f"TensorFlow takes {found[0]} in the path {full} for a pattern, and could not load a model from there; "
            "choose a folder without it."
        )


def resolve_saved_model(directory):
    """Folder of the SavedModel that `directory` names.

    Args:
        directory: A SavedModel, or a folder of version folders, of which the highest is taken.

    Raises:
        ExportError: `directory` is neither.
    """
    folder = Path(directory)
    if _is_saved_model(folder):
        return folder
    for version in reversed(existing_versions(folder)):
        if child := version_folder(folder, version):
            return child
    raise ExportError(
        f"{folder} is not a SavedModel: expected a folder with `saved_model.pb`, "
        "or a folder of version folders that have one."
    )


def folder_of_served(directory, version):
    """Return the SavedModel that a server answers from, of an export or of a folder of versions.

    Args:
        directory: A SavedModel, or a folder of version folders.
        version: Version that the server answers, or None if that is not known.

    Raises:
        ExportError: It is neither, or of another version; or of several, and it is not known of which.
    """
    folder = resolve_saved_model(directory)
    if version is None:
        if folder != Path(directory) and len(existing_versions(directory)) > 1:
            raise ExportError(
                f"The server does not tell which version it answers, and {directory} has several; give the folder of "
                "the one that is served."
            )
        return folder
    if folder != Path(directory):
        found = version_folder(directory, version)
        if found is None:
            raise ExportError(
                f"{directory} has no version {version}, which the server answers; give its folder."
            )
        return found
    name = folder.resolve().name
    if re.fullmatch("[0-9]+", name) and int(name) != version:
        raise ExportError(
            f"{directory} is version {int(name)}, and the server answers version {version}; give the folder of that."
        )
    return folder


def version_folder(base_path, version):
    """Return the folder of a version that holds a SavedModel, or None where there is none."""
    # int() drops leading zeros, so the name is looked up again.
    names = [child for child in Path(base_path).iterdir() if re.fullmatch(f"0*{version}", child.name)]
    return next(filter(_is_saved_model, names), None)


def _is_saved_model(folder):
    return (folder / "saved_model.pb").is_file()
