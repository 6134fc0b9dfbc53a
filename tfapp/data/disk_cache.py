"""Decoded images on disk, mapped into memory: each is decoded once, for all trainings that share the folder."""

import hashlib
import json
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

import numpy as np
import PIL
import tifffile

from tfapp.files import atomic_path, check_folder, content_hash

# Of another layout of the files, or another way to decode, so that what is there is not taken.
_FORMAT = 1


class DiskCache:
    """What was read of the images of a dataset, in files of NumPy's format.

    A file is named by the hash of what its pixels depend on: the content of the files behind an image, the dataset with
    its coding of classes, the size that it is resized to, and the versions of the libraries that decode. What has
    changed is so decoded anew, and what nobody asks for any more may be deleted at any time, as may the whole folder.

    Args:
        folder: Where the files are; it is made with the first of them.
        dataset: The `Dataset`.
        resize: (height, width) that images are resized to, or None.

    Raises:
        InputError: `folder` is no folder.
    """

    def __init__(self, folder, dataset, resize):
        check_folder(folder, argument="cache")
        self._folder, self._dataset, self._resize = Path(folder), dataset, resize
        self._compared = set()

    def get(self, item, read):
        """Return the arrays of an item that has files, mapped; those that are not there are read and written.

        Args:
            item: The `Item`.
            read: Function that reads it: returns a pair of arrays.

        Raises:
            OSError: Whatever the disk refuses; it names the file.
        """
        files = self._files(item)
        found = _mapped(files)
        if found is not None:
            self._compare(item)
        else:
            arrays = read()
            for array, file in zip(arrays, files, strict=True):
                with atomic_path(file) as temporary:
                    np.save(temporary, np.ascontiguousarray(array), allow_pickle=False)
            # Somebody may have deleted them at once.
            found = _mapped(files) or arrays
            self._compared.add(item.name)
        return found

    def _compare(self, item):
        """Have a mask of a published layout compared with the others, whose palettes are as they are read."""
        if (
            item.read_labels is not None
            and self._dataset.mask_coding is None
            and item.name not in self._compared
        ):
            item.read_labels()
            self._compared.add(item.name)

    def _files(self, item):
        digest = hashlib.sha256(self._common)
        digest.update(item.name.encode("utf-8", "surrogateescape"))
        for file in item.files:
            digest.update(content_hash(file))
        name = digest.hexdigest()
        # Folders of a hundred thousand files are slow on some disks.
        return [self._folder / name[:2] / f"{name[2:]}-{part}.npy" for part in ("image", "target")]

    @cached_property
    def _common(self):
        dataset = self._dataset
        meant = {
            "format": _FORMAT,
            "spec": dataset.spec,
            "coding": dataset.coding,
            "masks": None if dataset.mask_coding is None else asdict(dataset.mask_coding),
            "ignored": dataset.ignore_value,
            "resize": self._resize,
            "libraries": [PIL.__version__, tifffile.__version__],
        }
        return json.dumps(meant, sort_keys=True).encode()


def _mapped(files):
    """Return arrays that are read where they are looked at, None unless all of the files are there and whole."""
    try:
        return tuple(np.asarray(np.load(file, mmap_mode="r", allow_pickle=False)) for file in files)
    except (OSError, ValueError, EOFError):  # not there; cut short; no array
        return None
