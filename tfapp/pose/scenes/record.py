"""`scenes.json`: how the scenes of a folder were simulated."""

import json

from tfapp.errors import InputError

RECORD = "scenes.json"
FORMAT = "tfapp scenes"
VERSION = 1
_NEEDED = ("part", "instances", "bin", "camera_distance", "tilt", "symmetries", "count")


def read_record(path):
    """Return the content of `scenes.json` in a folder, None if there is none.

    Raises:
        InputError: It is damaged, or of a newer version.
    """
    file = path / RECORD
    if not file.is_file():
        return None
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        version = int(record["version"])
        whole = record["format"] == FORMAT and all(name in record for name in _NEEDED)
    except (ValueError, KeyError, TypeError):
        whole, version = False, VERSION
    if version > VERSION:
        raise InputError(
            f"{path} was written by a newer tfapp (scenes version {version}, this one reads up to {VERSION}); update "
            "tfapp."
        )
    if not whole:
        raise InputError(f"{file} is damaged; restore it, or simulate again with --overwrite.")
    return record
