"""Whether a half-finished surface goes on: only with the model, the data and the options it was begun with."""

import os

from tfapp.errors import InputError
from tfapp.landscape.surface import Surface

# What a file meant that was written before there was this option.
_EARLIER = {"compute_dtype": "float32"}
_HASHES = ("weights", "data", "model", "loss", "directions")


def resume(path, key: dict, overwrite: bool) -> Surface | None:
    """Return the surface in `path` if it belongs to `key`, None if there is none.

    Args:
        path: file of a surface, or None.
        key: hashes and options that make a surface another one.
        overwrite: start again whatever `path` holds.

    Raises:
        InputError: `path` holds the surface of another key; the message says what changed.
    """
    if path is None or overwrite or not os.path.exists(path):
        return None
    surface = Surface.load(path)
    stored = _EARLIER | surface.metadata.get("key", {})
    changed = [name for name in key if stored.get(name) != key[name]]
    if changed:
        raise InputError(
            f"{path} holds a surface of another setting; changed: {_describe(changed, stored, key)}. Choose "
            "another path, or start again with overwrite=True (--overwrite)."
        )
    return surface


def _describe(changed, stored, key):
    """Name what changed, with both values where they are not hashes."""
    return ", ".join(
        name if name in _HASHES else f"{name} (was {stored.get(name)}, is {key[name]})" for name in changed
    )
