"""Paths of files among the settings of a run, as its record keeps them."""

import os
from dataclasses import replace


def with_full_paths(config, *names):
    """Return a configuration whose files have full paths, so that later commands find them from anywhere.

    Args:
        config: Dataclass.
        names: Of fields that may hold the path of a file; other texts, and None, stay as they are.
    """
    full = {
        name: os.path.realpath(os.path.expanduser(value))
        for name in names
        if (value := getattr(config, name)) is not None and os.path.isfile(os.path.expanduser(value))
    }
    return replace(config, **full)
