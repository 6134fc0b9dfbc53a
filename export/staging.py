"""Folders that an export works in, hidden ones and temporary ones, and those that killed exports left behind."""

import contextlib
import os
import re
import secrets
import shutil
import tempfile
import time
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no such locks: there nothing of others is removed.
    fcntl = None

_STAGED, _CHECKED = ".export-", "tfapp-check-"
_KEY = re.compile("[0-9a-f]{16}")
# As folders of version 0.1 were called; they held no lock, so that only their age tells that they are dead.
_UNLOCKED_KEY = re.compile("[0-9a-z_]{8}")
_DEAD_AFTER = 24 * 3600  # seconds
_NEW_FOR = 60  # seconds, in which a folder that is made has its lock


@contextlib.contextmanager
def staging(base):
    """Yield a new hidden folder in the folder `base`, which is made if missing; it is gone at the end, unless renamed.

    A process that is killed leaves its folder. The next export to `base` removes it: each holds a lock on its own
    folder, which the system gives back when the process ends, however it ends. A folder whose lock is held, and
    every folder where the file system knows no locks, stays.
    """
    made = [folder for folder in (base, *base.parents) if not folder.exists()]
    # Not tempfile.mkdtemp: its folder is readable by its owner only, the server is often another user.
    folder = base / f"{_STAGED}{secrets.token_hex(8)}"
    held = None
    try:
        base.mkdir(parents=True, exist_ok=True)
        # Between its making and its lock a new folder looks dead: one export at a time makes and looks.
        with _locked(base):
            remove_left_behind(base)
            folder.mkdir()
            held = _lock(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if held is not None:
            os.close(held)
        for parent in made:
            # Fails, as it should, on a folder that meanwhile holds the new version.
            with contextlib.suppress(OSError):
                parent.rmdir()


@contextlib.contextmanager
def checking():
    """Yield a new folder among the user's temporary ones; it is gone at the end.

    What a killed process left is removed by the next one, as `staging` does it. Nothing in that place, which all users
    share, is waited for: a folder that is new may have no lock yet, and stays.
    """
    base = Path(tempfile.gettempdir())
    remove_left_behind(base, _CHECKED, _NEW_FOR)
    folder = base / f"{_CHECKED}{secrets.token_hex(8)}"
    held = None
    try:
        folder.mkdir(mode=0o700)
        held = _lock(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if held is not None:
            os.close(held)


def remove_left_behind(base, prefix=_STAGED, new_for=0):
    """Remove the folders in `base` whose exports were killed, and return their names.

    Args:
        base: Path of a folder.
        prefix: How their names begin.
        new_for: Seconds since the last change of a folder in which it stays in any case.
    """
    removed = []
    for folder in sorted(base.glob(f"{prefix}*")):
        key = folder.name.removeprefix(prefix)
        if not _is_ours(folder, key):
            continue
        lock = _lock(folder)
        if lock is None:
            continue
        try:
            if _age(folder) >= (new_for if _KEY.fullmatch(key) else _DEAD_AFTER):
                shutil.rmtree(folder, ignore_errors=True)
                removed.append(folder.name)
        finally:
            os.close(lock)
    return removed


def _is_ours(folder, key):
    named = _KEY.fullmatch(key) or _UNLOCKED_KEY.fullmatch(key)
    return bool(named) and folder.is_dir() and not folder.is_symlink()


def _age(folder):
    """Seconds since anything in `folder` was written."""
    times = [path.lstat().st_mtime for path in (folder, *folder.rglob("*"))]
    return time.time() - max(times)


def _lock(folder, wait=False):
    """Descriptor that holds the lock of `folder` until it is closed; None if another process holds it, or there
    are no locks here."""
    if fcntl is None:
        return None
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


@contextlib.contextmanager
def _locked(base):
    lock = _lock(base, wait=True)
    try:
        yield
    finally:
        if lock is not None:
            os.close(lock)
