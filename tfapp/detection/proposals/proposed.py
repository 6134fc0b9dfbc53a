"""Proposals of all images of a split: made in several threads, kept in a folder, and not made again."""

import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Lock

import numpy as np

from tfapp.archives import DAMAGED, open_arrays
from tfapp.errors import InputError
from tfapp.files import atomic_path, check_folder, content_hash, remove_abandoned, same_folder

# Images with the same content have one file, which two threads would write by one temporary name.
_writing = Lock()


class Proposed(Sequence):
    """The proposals of images, float32 (count, 4) each, read from a folder when they are asked for.

    A file is named by the hash of what the boxes of an image depend on: its content, and the method with its settings
    and versions. So several datasets and settings may share a folder, and it may be deleted at any time; what is
    missing or damaged is made anew. Memory holds no more than the proposals that are asked for.

    Args:
        images: `BoxedImage`s, such as `BoxedImages`.
        method: `SelectiveSearch`, or another of `METHODS`.
        folder: Where they are kept; None only for a method that is quick, which is asked each time.

    Raises:
        InputError: `folder` is no folder, has images of the data, or is missing for a method that takes long.
    """

    def __init__(self, images, method, folder=None):
        self._images, self._method = images, method
        self.folder = None if method.is_quick else _checked(folder, images, method)
        self._files = {}

    def __len__(self):
        return len(self._images)

    def __getitem__(self, index):
        image = self._images[index]
        if self.folder is None:
            return self._method.boxes(image)
        file = self._file(index)
        found = _stored(file, image.size)
        if found is None:
            found = self._method.boxes(image)
            with _writing, atomic_path(file) as temporary:
                np.savez(temporary, boxes=found)
        return found

    def make_all(self, progress=None, threads=None):
        """Make what the folder does not have yet; when it is killed and called again, it goes on.

        Args:
            progress: Function of (images done, images in all), or None.
            threads: Images at the same time, at least 1; by default one for each core. OpenCV lets go of Python's lock
                while it searches, so they need no processes of their own.

        Raises:
            InputError: An image that cannot be read.
        """
        if self.folder is None:
            return
        for folder in self.folder.glob("[0-9a-f][0-9a-f]"):
            remove_abandoned(folder)
        pool = ThreadPoolExecutor(threads or os.cpu_count() or 1)
        try:
            for done, _ in enumerate(pool.map(self._make, range(len(self))), 1):
                if progress is not None:
                    progress(done, len(self))
        finally:
            # What has not begun is dropped when an image cannot be read, or the process is to end.
            pool.shutdown(cancel_futures=True)

    def remove(self):
        """Remove what the folder keeps, of other settings too, and the folder unless it has something else."""
        if self.folder is None or not self.folder.is_dir():
            return
        for folder in self.folder.glob("[0-9a-f][0-9a-f]"):
            for file in folder.glob(f"{'[0-9a-f]' * 62}.npz"):
                file.unlink(missing_ok=True)
            _remove_empty(folder)
        _remove_empty(self.folder)

    def _make(self, index):
        self[index]

    def _file(self, index):
        if index not in self._files:
            image = self._images[index]
            meant = {**self._method.description(), "size": [int(side) for side in image.size]}
            digest = hashlib.sha256(json.dumps(meant, sort_keys=True).encode())
            digest.update(content_hash(image.file))
            name = digest.hexdigest()
            # Folders of a hundred thousand files are slow on some disks.
            self._files[index] = self.folder / name[:2] / f"{name[2:]}.npz"
        return self._files[index]


def _checked(folder, images, method):
    if folder is None:
        raise InputError(f"Proposals by {method.name} take long; name a folder by `cache` that keeps them.")
    check_folder(folder, argument="cache")
    if any(same_folder(folder, one) for one in {image.file.parent for image in images}):
        raise InputError(f"{folder} has images of the data; choose another `cache`.")
    return Path(folder)


def _remove_empty(folder):
    with suppress(OSError):
        folder.rmdir()


def _stored(file, size):
    """Return the boxes that a file holds, or None if it is missing, damaged, or of another image."""
    try:
        with open_arrays(file) as content:
            boxes = content["boxes"]
    except DAMAGED:
        return None
    if boxes.dtype != np.float32 or boxes.ndim != 2 or boxes.shape[1] != 4:
        return None
    inside = (boxes >= 0).all() and (boxes <= np.tile(size, 2)).all()
    return boxes if inside and (boxes[:, 2:] > boxes[:, :2]).all() else None
