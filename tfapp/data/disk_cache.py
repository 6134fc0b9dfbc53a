"""Decoded images on disk, mapped into memory: each is decoded once, for all trainings that share the folder."""

import hashlib
import json
import os
import struct
import zlib
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

import numpy as np
import PIL
import tifffile

from tfapp.errors import InputError
from tfapp.files import atomic_path, check_folder, content_hash, same_folder

# Of another layout of the files, or another way to decode, so that what is there is not taken.
_FORMAT = 1
# What stands behind the array in a file: that it is one of these, and the checksum of its bytes.
_END, _MARK = struct.Struct("<8sI"), b"tfapp-ok"


class DiskCache:
    """What was read of the images of a dataset, in files of NumPy's format.

    A file is named by the hash of what its pixels depend on: the content of the files behind an image, the dataset with
    its coding of classes, the size that it is resized to, and the versions of the libraries that decode. What has
    changed is so decoded anew, and what nobody asks for any more may be deleted at any time, as may the whole folder.
    The bytes of a file are compared with their checksum when a process first uses it.

    Args:
        folder: Where the files are; it is made with the first of them.
        dataset: The `Dataset`.
        resize: (height, width) that images are resized to, or None.

    Raises:
        InputError: `folder` is no folder, or one that has files of the dataset.
    """

    def __init__(self, folder, dataset, resize):
        check_folder(folder, argument="cache")
        if any(
            same_folder(folder, one) for one in {file.parent for item in dataset.items for file in item.files}
        ):
            raise InputError(f"{folder} has files of the dataset; choose another `cache`.")
        self._folder, self._dataset, self._resize = Path(folder), dataset, resize
        self._used = set()

    def get(self, item, read):
        """Return the arrays of an item that has files, mapped; those that are not there are read and written.

        Args:
            item: The `Item`.
            read: Function that reads it: returns a pair of arrays.

        Raises:
            OSError: Whatever the disk refuses; it names the file.
        """
        files = self._files(item)
        is_new = item.name not in self._used
        found = _mapped(files, checked=is_new)
        if found is None:
            arrays = read()
            for array, file in zip(arrays, files, strict=True):
                _write(np.ascontiguousarray(array), file)
            # Somebody may have deleted them at once.
            found = _mapped(files) or arrays
        elif is_new and item.read_labels is not None and self._dataset.mask_coding is None:
            # A mask of a published layout is compared with the others, by their palettes, where it is read.
            item.read_labels()
        self._used.add(item.name)
        return found

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
            "spec": self._spec_anywhere(),
            "coding": dataset.coding,
            "masks": None if dataset.mask_coding is None else asdict(dataset.mask_coding),
            "ignored": dataset.ignore_value,
            "resize": self._resize,
            "libraries": [PIL.__version__, tifffile.__version__],
        }
        return json.dumps(meant, sort_keys=True).encode()

    def _spec_anywhere(self):
        """Return how the dataset is named, without the folder that it lies in: a copy has the same pixels."""
        files = [os.fspath(file) for item in self._dataset.items for file in item.files]
        folder = os.path.commonpath(files) if files else ""
        return self._dataset.spec.replace(folder, "", 1)


def _write(array, file):
    with atomic_path(file) as temporary, open(temporary, "wb") as opened:
        np.save(opened, array, allow_pickle=False)
        opened.write(_END.pack(_MARK, zlib.crc32(array)))


def _mapped(files, checked=False):
    """Return arrays that are read where they are looked at, None unless all of the files are there and whole.

    Args:
        files: Paths.
        checked: Whether to compare the arrays with their checksums.
    """
    try:
        found = tuple(np.asarray(np.load(file, mmap_mode="r", allow_pickle=False)) for file in files)
        if checked and not all(map(_is_whole, files, found)):
            return None
    except (OSError, ValueError, EOFError, struct.error):  # not there; cut short; no array
        return None
    return found


def _is_whole(file, array):
    with open(file, "rb") as opened:
        opened.seek(-_END.size, os.SEEK_END)
        return _END.unpack(opened.read()) == (_MARK, zlib.crc32(array))
