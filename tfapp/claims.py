"""Claims: of several processes one at a time writes to a folder or a file, and the others wait or are refused.

A claim is a lock on a folder (`flock`). The system gives it back when the process ends, however it ends, and no file is
needed for it. Where there are no such locks, on Windows and on some network file systems, nothing is held back.
"""

import functools
import inspect
import os
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

from tfapp.errors import InputError
from tfapp.files import check_folder, remove_abandoned

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_CLAIM = ".claim"
_held = Counter()  # claims of this process by the (device, number) of the locked folder


@contextmanager
def claimed(folder, argument="out", waiting=None):
    """Hold a folder for this process, which may claim it several times; temporary files of dead processes go.

    Args:
        folder: The folder. It is made if it is missing, and removed at the end if it is still empty then.
        argument: What names the folder, for the sentence.
        waiting: Function of a sentence, to say that another process is waited for; None to refuse at once.

    Raises:
        InputError: Another process holds the folder, or the path is that of a file.
        OSError: The folder cannot be made.
    """
    path = Path(folder)
    check_folder(path, argument)
    made = [place for place in (path, *path.parents) if not place.exists()]
    lock = _take(path, path, f"use another `{argument}`, or wait until it has ended", waiting)
    try:
        yield
    finally:
        # While the lock is held: the next process to lock it would hold what is no longer there.
        _remove_empty(made)
        _give_back(lock)


@contextmanager
def claimed_file(path, waiting=None):
    """Hold a file for this process; beside it there is an empty hidden folder as long as it is held.

    Temporary files of dead processes go whose names begin with the file's, such as those of its pictures.

    Args:
        path: The file; None holds nothing.
        waiting: As for `claimed`.

    Raises:
        InputError: Another process holds the file.
    """
    lock = None
    if path is not None:
        place = Path(path).with_name(f".{Path(path).name}{_CLAIM}")
        made = [parent for parent in place.parents if not parent.exists()]
        # What is finished can be read where nothing can be written; whoever writes there meets the error again.
        with suppress(OSError):
            lock = _take(place, path, "wait until it has ended", waiting)
        if lock is not None and _held[_key(lock)] == 1:
            remove_abandoned(place.parent, Path(path).stem)
    try:
        yield
    finally:
        if lock is not None:
            if _held[_key(lock)] == 1:
                _remove_empty([place, *made])
            _give_back(lock)


def refuse_claimed_files(folder):
    """Raise InputError if another process holds a file anywhere in a folder, which is going to be emptied."""
    for place in Path(folder).rglob(f".*{_CLAIM}"):
        path = place.with_name(place.name[1:].removesuffix(_CLAIM))
        with suppress(OSError):
            _give_back(_take(place, path, "wait until it has ended", None))


def claiming(argument, hold=claimed, *, waits=False):
    """Return a decorator of functions that write: they hold what an argument of theirs names.

    Args:
        argument: Name of the argument, a path.
        hold: `claimed` or `claimed_file`.
        waits: Whether it is a folder that is there already, and another process is waited for; the function's
            `progress` tells it.
    """

    def decorate(function):
        signature = inspect.signature(function)

        @functools.wraps(function)
        def holding(*args, **kwargs):
            given = signature.bind(*args, **kwargs)
            given.apply_defaults()
            path = given.arguments[argument]
            if waits and not Path(path).is_dir():
                return function(*args, **kwargs)  # which says what it expected there
            with hold(path, waiting=given.arguments["progress"].say if waits else None):
                return function(*args, **kwargs)

        return holding

    return decorate


def _take(folder, path, advice, waiting):
    """Lock a folder, which is made if missing; return the descriptor that holds it, None where there are no locks.

    Args:
        folder: What is locked.
        path: What is claimed, for the sentence.
        advice: What to do, for the sentence.
        waiting: As for `claimed`.
    """
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        if fcntl is None:
            return None
        try:
            lock = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:  # Whoever had made it has just removed it.
            continue
        try:
            if not _held[_key(lock)] and _locked(lock, path, advice, waiting):
                remove_abandoned(folder)
            # One that was removed meanwhile is not the one that the next process will find.
            if _is_there(lock, folder):
                _held[_key(lock)] += 1
                return lock
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)


def _locked(lock, path, advice, waiting):
    """Return whether the lock was given to this process: False where the file system has none."""
    sentence = f"Another process is writing to {path}"
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if waiting is None:
            raise InputError(f"{sentence}; {advice}.") from None
        waiting(f"{sentence}; waiting until it has ended.")
        fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError:
        return False
    return True


def _is_there(lock, folder):
    try:
        return os.path.samestat(os.fstat(lock), os.stat(folder))
    except FileNotFoundError:
        return False


def _give_back(lock):
    if lock is not None:
        _held[_key(lock)] -= 1
        os.close(lock)


def _key(lock):
    found = os.fstat(lock)
    return found.st_dev, found.st_ino


def _remove_empty(folders):
    for folder in folders:
        with suppress(OSError):  # It is not empty, or not there.
            folder.rmdir()
