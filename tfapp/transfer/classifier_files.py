"""Classifiers in files, with what they were fitted to."""

import hashlib
from zipfile import BadZipFile

import numpy as np

from tfapp.errors import InputError
from tfapp.files import atomic_path
from tfapp.transfer.classifiers import LinearClassifiers


def keep_classifiers(file, machines, class_names, digest):
    """Write classifiers, with a digest of what they were fitted to."""
    with atomic_path(file) as temporary:
        np.savez(temporary, **vars(machines), class_names=np.array(class_names), digest=np.array(digest))


def read_classifiers(file):
    """Return the `LinearClassifiers` in a file, the names of their classes, and the digest.

    Raises:
        InputError: The file is damaged.
    """
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as content:
            validated = tuple(content["validated"].tolist())
            machines = LinearClassifiers(
                content["weights"], content["biases"], float(content["cost"]), validated
            )
            return machines, tuple(content["class_names"].tolist()), str(content["digest"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise InputError(f"{file} is damaged ({error}); remove it and evaluate again.") from None


def kept_classifiers(file, digest):
    """Return the classifiers of a file if they have this digest; None if they have not, or there are none."""
    if not file.is_file():
        return None
    machines, _, stored = read_classifiers(file)
    return machines if stored == digest else None


def fit_digest(features, targets, settings):
    """Return a SHA-256 over what classifiers are fitted to, and the settings, a tuple of numbers."""
    digest = hashlib.sha256(str((features.shape, targets.shape, settings)).encode())
    for array in (features, targets):
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()
