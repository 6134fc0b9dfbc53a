"""Exception of this package, and other errors turned into its sentences."""

import contextlib
import errno


class ExportError(ValueError):
    """A model or a folder cannot be exported, checked or described.

    The message is one sentence for a person: what was expected, what came, how to mend it.
    """


@contextlib.contextmanager
def disk_errors_as_sentences(folder):
    """Turn a full disk or a folder without permission into an `ExportError` that names `folder`."""
    try:
        yield
    except OSError as error:
        raise ExportError(_sentence(folder, error)) from error
    except Exception as error:
        # TensorFlow writes its files in C++ and reports the system error as text.
        if "No space left on device" in str(error):
            raise ExportError(_disk_full(folder)) from error
        raise


def _sentence(folder, error):
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _disk_full(folder)
    return f"Cannot write to {folder}: {error.strerror or error}."


def _disk_full(folder):
    return f"The disk of {folder} is full: free some space there and export again; nothing was published."
