"""Comparison of settings: what keeps results of different ones from being mixed in one folder."""

import json

from tfapp.errors import InputError
from tfapp.files import write_json


def other_settings(now, then):
    """Return the names of the settings in `now` that are others in `then`.

    Args:
        now: Dictionary of settings by name, of values that JSON can hold; a tuple equals the list that it is stored as.
        then: What was stored of them; all are others if it is no dictionary.
    """
    if not isinstance(then, dict):
        return list(now)
    return [name for name, value in now.items() if _stored(value) != _stored(then.get(name))]


def keep_settings(file, settings, refusal):
    """Write the settings that a folder begins with; of one that was begun, refuse others.

    Args:
        file: JSON file of the settings.
        settings: Dictionary of them.
        refusal: Sentence of the error.

    Raises:
        InputError: The file holds other settings.
    """
    if not file.is_file():
        write_json(file, settings)
    elif json.loads(file.read_text(encoding="utf-8")) != _stored(settings):
        raise InputError(refusal)


def _stored(value):
    return json.loads(json.dumps(value))
