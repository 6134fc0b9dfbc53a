"""Files that appear whole or not at all, never over what is read, and the hash of what they hold."""

import errno
import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
import time
import unicodedata
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

from tfapp.errors import InputError

# A table of the labels of all of ImageNet has 60 MB.
MOST_TEXT = 2**28
# Bytes of a file name on the file systems of Linux, macOS and Windows.
_LONGEST_NAME = 255


@contextmanager
def atomic_path(path):
    """Yield a temporary path beside `path`; rename it to `path` on success, remove it on any failure.

    The temporary name keeps the suffix, because Keras, NumPy and Matplotlib choose the format by it.

    Raises:
        OSError: Whatever the disk refuses, in the words of the system; it names `path`, not the temporary file.
    """
    path = Path(path)
    temporary = _temporary(path)
    try:
        with disk_errors_naming(path, temporary):
            path.parent.mkdir(parents=True, exist_ok=True)
            # A name that the disk does not take is told now, and not when all is written.
            with suppress(FileNotFoundError):
                os.lstat(path)
            yield temporary
            os.replace(temporary, path)
    finally:
        with suppress(OSError):  # that of a disk that is read only, or a folder that is a file
            temporary.unlink()


def _temporary(path):
    """Return the temporary path of a file; of a name that is nearly too long as it is, only a part is in it."""
    ending = f".{os.getpid()}.part{path.suffix}"
    stem = os.fsencode(path.stem)
    if len(stem) + len(os.fsencode(ending)) >= _LONGEST_NAME:
        stem = hashlib.sha256(stem).hexdigest()[:32].encode()
    return path.with_name(f".{os.fsdecode(stem)}{ending}")


@contextmanager
def disk_errors_naming(path, temporary=None):
    """Let whatever the disk refuses while a file is written be an `OSError` that names the file and the reason.

    Args:
        path: The file.
        temporary: Where it is written to before it is renamed.
    """
    try:
        yield
    except Exception as error:
        number = _refused(error, {None, os.fspath(path), os.fspath(temporary or path)}) or _full(error, path)
        if number is None:
            raise
        raise OSError(number, os.strerror(number), os.fspath(path)) from error


def remove_contents(folder):
    """Remove all that is in a folder, if there is one, and not the folder, which may be claimed."""
    for place in Path(folder).iterdir() if Path(folder).is_dir() else ():
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place, ignore_errors=True)
        else:
            place.unlink(missing_ok=True)


def remove_abandoned(folder, stem=""):
    """Remove the temporary files of `atomic_path` in a folder, but not below it, that no other process is writing.

    This process must not be writing there either.

    Args:
        folder: The folder.
        stem: What the names of the files begin with that are looked at.
    """
    for file in Path(folder).glob(".*.part*"):
        found = file.name.startswith(f".{stem}") and _TEMPORARY.fullmatch(file.name)
        # Not this process either: in a container each bears the number 1.
        if found and (int(found[1]) == os.getpid() or not _is_running(int(found[1]))):
            with suppress(OSError):
                file.unlink()


def check_folder(path, argument="out"):
    """Raise InputError if what an argument names, or what it is to lie in, is there and no folder.

    Raises:
        OSError: A name that the disk does not take, such as one that is too long.
    """
    for place in (Path(path), *Path(path).parents):
        try:
            os.lstat(place)
        except (FileNotFoundError, NotADirectoryError):
            continue
        if not os.path.isdir(place):
            found = "a file" if place.is_file() else "no folder"
            raise InputError(f"{place} is {found}; `{argument}` must name a folder.")
        return


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


def check_outputs(outputs, inputs=(), argument="out"):
    """Raise InputError if a file that is going to be written is one that is read, or another that is written.

    Files are compared as the disk tells them apart: through links to their folders, in both forms of Unicode, and
    whatever the case of their letters where the file system does not care for it.

    Args:
        outputs: Pairs of (path to be written, what it is made from, for the sentence).
        inputs: Paths of files that are read.
        argument: What names the place of the outputs.
    """
    folders = {}
    # A link is read through: both it and the file behind it are not to be written.
    read = {
        _identity(place, folders) for path in inputs for place in {Path(path), Path(os.path.realpath(path))}
    }
    written = {}
    for path, source in outputs:
        identity = _identity(path, folders)
        if identity in read:
            raise InputError(
                f"{path}, which is written for {source}, is one of the files that are read; choose another "
                f"`{argument}`."
            )
        if identity in written:
            raise InputError(
                f"{path} would be written for {written[identity]} and again for {source}; rename one of them, or use "
                f"two different `{argument}`."
            )
        written[identity] = source


def same_folder(path, other):
    """Return whether two paths name one existing folder, through links or not."""
    return Path(path).is_dir() and Path(other).is_dir() and os.path.samefile(path, other)


def content_hash(path):
    """Return the SHA-256 of what a file holds, 32 bytes.

    A hash is remembered as long as the file is the same for the disk, as commands ask for it more than once.

    Raises:
        InputError: If the path is a pipe, a device or a socket, or cannot be read.
    """
    try:
        check_regular_file(path)
        now = os.stat(path)
        seen = (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns)
        # A file may change twice within one tick of the disk's clock: what is that young is always read.
        old = time.time_ns() - max(now.st_mtime_ns, now.st_ctime_ns) > 2e9
        return _remembered_hash(os.fspath(path), seen) if old else _hash(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None


def read_text(path, most=MOST_TEXT):
    """Return the UTF-8 text of a file that a person or a program wrote; a byte order mark is skipped.

    Args:
        path: The file.
        most: Bytes that it has at most.

    Raises:
        InputError: It is a folder, a pipe or a device, or larger than that.
        OSError: It cannot be read.
        UnicodeDecodeError: It is no UTF-8 text.
    """
    check_regular_file(path)
    with open(path, "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise InputError(f"{path} has more than {most // 2**20:,} MB; expected a file of text.")
    return content.decode("utf-8-sig")


def write_text(path, text):
    """Write UTF-8 text by write-then-rename.

    What is no Unicode, such as a file name in another encoding that Python escaped, is written as its escape; in JSON
    that is the text that reads back as it was.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path, content):
    """Write JSON, readable by people, by write-then-rename; scalars of NumPy are written as the numbers they are."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, default=plain_number) + "\n")


def plain_number(value):
    """Return a scalar of NumPy as a number of Python: `default` of `json.dumps`.

    Raises:
        TypeError: For anything else.
    """
    # Told by its method, as this module does without NumPy.
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return value.item()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


_TEMPORARY = re.compile(r"\..*\.([0-9]{1,9})\.part(\..*)?", re.DOTALL)
# What a disk answers to who writes.
_REFUSALS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EFBIG,
    errno.EIO,
    errno.ENAMETOOLONG,
}


def _refused(error, names):
    """Return the number of the system's error about one of these names that an exception is, or arose from."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and error.errno in _REFUSALS and error.filename in names:
            return error.errno
        error = error.__cause__ or error.__context__
    return None


def _full(error, path):
    """Return the number of the system's error if a file can no longer grow: libraries tell of a full disk in any words.

    NumPy says how many numbers it wrote, HDF5 that it cannot close the file.
    """
    if isinstance(error, InputError):
        return None
    try:
        with tempfile.TemporaryFile(dir=path.parent) as file:
            file.write(bytes(1 << 16))
            file.flush()
    except OSError as refusal:
        return refusal.errno if refusal.errno in (errno.ENOSPC, errno.EDQUOT) else None
    return None


def _is_running(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # that of another user
        return True
    return True


_OTHER_THINGS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISDIR, "a folder"),
)


@lru_cache(maxsize=200_000)
def _remembered_hash(path, seen):
    del seen
    return _hash(path)


def _hash(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.digest()


def _identity(path, folders):
    """Return what tells a file from all others: its folder on the disk, and its name there.

    Not its own inode: a file appears by renaming, which replaces a link and leaves what it points to.
    """
    path = Path(path)
    if path.parent not in folders:
        folder = Path(os.path.realpath(path.parent))
        place = (folder.stat().st_dev, folder.stat().st_ino) if folder.is_dir() else str(folder)
        folders[path.parent] = place, _ignores_case(folder)
    place, ignores_case = folders[path.parent]
    name = unicodedata.normalize("NFC", path.name)
    return place, name.casefold() if ignores_case else name


def _ignores_case(folder):
    """Return whether the file system of a folder, which may be yet to be made, takes `A` and `a` for one name."""
    for place in (folder, *folder.parents):
        swapped = place.with_name(place.name.swapcase()) if place.name else place
        if place.is_dir() and swapped.name != place.name:
            return swapped.is_dir() and swapped.samefile(place)
    return False
