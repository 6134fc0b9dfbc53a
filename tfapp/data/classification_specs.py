"""From what a person types (`mnist:PATH`, `digits`) to images with labels."""

from pathlib import Path

from tfapp.data.cifar10 import cifar10
from tfapp.data.digits import COUNT, digits
from tfapp.data.imagenet import imagenet
from tfapp.data.mnist import fashion_mnist, mnist
from tfapp.errors import InputError

READERS = {"mnist": mnist, "fashion-mnist": fashion_mnist, "cifar10": cifar10, "imagenet": imagenet}


def open_classification(spec):
    """Open the images with labels that `spec` names.

    Args:
        spec: `mnist:PATH`, `fashion-mnist:PATH`, `cifar10:PATH`, `imagenet:PATH`, a folder in each case, or
            `digits[:COUNT]` for generated digits (5,000 unless said otherwise).

    Returns:
        `ClassificationSet`.

    Raises:
        InputError: For an unknown name, a missing folder, or data that do not have the layout.
    """
    name, _, path = spec.partition(":")
    if name == "digits":
        return digits(spec, _count(spec, path))
    if name not in READERS or not path:
        known = ", ".join(f"{reader}:PATH" for reader in READERS)
        raise InputError(f"Unknown images with labels {spec!r}; expected digits, {known}.")
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise InputError(f"Folder {path} (of {spec!r}) does not exist or is not a folder.")
    # The absolute path, as in `open_dataset`: later commands find the data from anywhere.
    return READERS[name](folder.resolve(), spec=f"{name}:{folder.resolve()}")


def names_classification(text):
    """Return whether `text` names images with labels by its form, and not an existing folder."""
    return text.partition(":")[0] in ("digits", *READERS) and not Path(text).is_dir()


def _count(spec, count):
    if count and not count.isdecimal():
        raise InputError(f"{spec!r} is not understood; expected digits or digits:COUNT.")
    return int(count) if count else COUNT
