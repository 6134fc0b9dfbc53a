"""`sharpness.json`: what was measured of one solution, under any number of settings.

Content: `solution` (hashes of weights, architecture and loss); `sharpness` and `hessian`, lists of entries
that begin with their `settings`. It is written whole after every trial, so a killed run loses one.
"""

import json
import os
from pathlib import Path

import keras

from tfapp.errors import InputError
from tfapp.files import write_json
from tfapp.landscape.fingerprint import hash_loss, hash_model, hash_weights

_FORMAT = 1


class SharpnessFile:
    """The file, or the memory of one call if there is no path.

    Args:
        path: JSON file, which need not exist yet, or None.
        model: the solution.
        overwrite: begin again if the file belongs to another solution.

    Raises:
        InputError: the file cannot be read, or belongs to another solution and `overwrite` is False.
    """

    def __init__(self, path: str | os.PathLike | None, model: keras.Model, overwrite: bool = False):
        self.path = None if path is None else Path(path)
        solution = {"weights": hash_weights(model), "model": hash_model(model), "loss": hash_loss(model)}
        self._content = {"format": _FORMAT, "solution": solution}
        if self.path is not None and self.path.is_file():
            stored = _read(self.path)
            changed = [name for name, value in solution.items() if stored["solution"].get(name) != value]
            if not changed:
                self._content = stored
            elif not overwrite:
                raise InputError(
                    f"{self.path} belongs to another solution; changed: {', '.join(changed)}. Choose another path, "
                    "or start again with overwrite=True (--overwrite)."
                )

    def entry(self, kind: str, settings: dict, overwrite: bool = False) -> dict:
        """Return the entry of some settings, new and without results if there is none, to be filled.

        Args:
            kind: `sharpness` or `hessian`.
            settings: in types that JSON knows.
            overwrite: forget the results that the entry has.
        """
        entries = self._content.setdefault(kind, [])
        found = next((entry for entry in entries if entry["settings"] == settings), None)
        if found is None:
            entries.append(found := {"settings": settings})
        elif overwrite:
            found.clear()
            found["settings"] = settings
        return found

    def save(self) -> None:
        """Write the file by write-then-rename, if there is one."""
        if self.path is not None:
            write_json(self.path, self._content)


def _read(path):
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != _FORMAT or not isinstance(content["solution"], dict):
            raise ValueError("another format")
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is not a sharpness file that this version can read ({error}); move it away."
        ) from error
    return content
