"""Files that appear whole or not at all."""

import json
import os
from contextlib import contextmanager
from pathlib import Path

from tfapp.errors import InputError


@contextmanager
def atomic_path(path):
    """Yield a temporary path beside `path`; rename it to `path` on success, remove it on any failure.

    The temporary name keeps the suffix, because Keras, NumPy and Matplotlib choose the format by it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def check_folder(path, argument="out"):
    """Raise InputError if what an argument names is a file."""
    if Path(path).is_file():
        raise InputError(f"{path} is a file; `{argument}` must name a folder.")


def write_text(path, text):
    """Write UTF-8 text by write-then-rename."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path, content):
    """Write JSON, readable by people, by write-then-rename."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
