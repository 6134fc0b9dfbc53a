"""Packed folders (ZIP, TAR and others) and other compressed files: they are read nowhere, and told from other files."""

import os
from pathlib import Path

from tfapp.errors import InputError

# First bytes of ZIP (of one without members, of one in pieces), 7z, RAR, gzip, bzip2, xz, Zstandard. TAR has its own
# further behind, where it was written since 1988.
_PACKED = (
    b"PK\3\4",
    b"PK\5\6",
    b"PK\7\x08",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\7",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\0",
    b"\x28\xb5\x2f\xfd",
)
_TAR, _TAR_PLACE = b"ustar", 257
_PACKED_SUFFIXES = (".zip", ".7z", ".rar", ".tar", ".tgz", ".tbz2", ".txz", ".gz", ".bz2", ".xz", ".zst")
# Files of programs that are ZIP archives within: nobody unpacks them.
_OF_PROGRAMS = (
    ".keras",
    ".npz",
    ".pt",
    ".pth",
    ".docx",
    ".xlsx",
    ".pptx",
    ".odt",
    ".ods",
    ".odp",
    ".whl",
    ".jar",
)


def is_packed(path):
    """Return whether a file is a packed folder or another compressed file, by its first bytes or else by its suffix."""
    suffix = Path(path).suffix.lower()
    # Not opened before it is known to be a file: a pipe would be waited for.
    if not os.path.isfile(path) or suffix in _OF_PROGRAMS:
        return False
    try:
        with open(path, "rb") as file:
            head = file.read(_TAR_PLACE + len(_TAR))
    except OSError:
        head = b""
    return head.startswith(_PACKED) or head[_TAR_PLACE:] == _TAR or suffix in _PACKED_SUFFIXES


def check_unpacked(path, given="the folder"):
    """Raise InputError if `is_packed`, where a folder or a file of another kind is expected.

    Args:
        path: What a person named; it need not be there.
        given: What should be given in its place.
    """
    if is_packed(path):
        raise InputError(f"{path} is an archive; unpack it and give {given}.")


def packed_within(folder):
    """Return a sentence on the first archive of a folder that nobody unpacked there, behind a blank, or ""."""
    names = set(os.listdir(folder))
    found = next(
        (one for one in sorted(names) if names.isdisjoint(_unpacked(one)) and is_packed(folder / one)), ""
    )
    return found and f" {folder / found} is an archive: unpack it there."


def _unpacked(name):
    """Return what the folder of an archive may be called: `a.b.tar.gz` becomes `a.b`, or `a`."""
    parts = name.split(".")
    return {".".join(parts[:count]) for count in range(1, len(parts))}
