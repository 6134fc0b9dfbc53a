"""Files that appear whole or not at all."""

import json
import os
import stat
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


_OTHER_THINGS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISDIR, "a folder"),
)


def check_regular_file(path, expected="a file"):
    """Raise InputError if a path is there and no regular file: a named pipe would be waited for without an end.

    Args:
        path: The path, links followed; what does not exist is left to whoever opens it.
        expected: What was expected, for the sentence.
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):  # the one of a path that is not there, the other of one that none can have
        return
    if not stat.S_ISREG(mode):
        found = next((name for is_one, name in _OTHER_THINGS if is_one(mode)), "no regular file")
        raise InputError(f"{path} is {found}; expected {expected}.")


def write_text(path, text):
    """Write UTF-8 text by write-then-rename.

    What is no Unicode, such as a file name in another encoding that Python escaped, is written as its escape; in JSON
    that is the text that reads back as it was.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path, content):
    """Write JSON, readable by people, by write-then-rename."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
