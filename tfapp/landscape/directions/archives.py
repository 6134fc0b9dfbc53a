"""NumPy archives that are read without trusting them."""

import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tfapp.errors import InputError


@contextmanager
def open_archive(path, what: str):
    """Open an `.npz` file without unpickling; whatever goes wrong inside the block is the file's fault.

    Args:
        path: the file.
        what: what it should be, such as "file of directions".

    Raises:
        InputError: it does not exist, is damaged or holds something else.
    """
    if not Path(path).is_file():
        raise InputError(f"Expected a {what}. Received: {path}, which does not exist.")
    try:
        # Opened here, because NumPy leaves a file open that is not the archive it looks like.
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            yield archive
    except (ValueError, KeyError, OSError, EOFError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is not a {what} that this version can read ({error}).") from error
