"""Images that show any number of classes each, and their splits for training and testing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from tfapp.data.dataset import Remark
from tfapp.data.images import read_image
from tfapp.data.labelled import fingerprint_of
from tfapp.files import content_hash

PRESENT, NOT_COUNTED, ABSENT = 1, 0, -1


@dataclass(frozen=True)
class MultiLabelImages:
    """Images that show any number of classes each, read when they are wanted.

    Attributes:
        names: A unique name per image.
        targets: int8 (count, num_classes): 1 where an image shows a class, -1 where it does not, 0 where it does not
            count, neither for training nor for testing.
        read_image: Function of an index that returns an image, float32 (height, width, 1 or 3) in [0, 1].
        contents: What the fingerprint takes for each image: a `Path` by name and what the file holds, an array by its
            values, bytes as they are.
    """

    names: tuple[str, ...]
    targets: np.ndarray
    read_image: Callable[[int], np.ndarray]
    contents: Sequence[Path | np.ndarray | bytes]

    def __len__(self):
        return len(self.names)

    def read(self, index):
        """Return one image, float32 (height, width, 3) in [0, 1]; a grey one in three equal channels.

        Raises:
            InputError: If its file is missing, damaged or not an image.
        """
        image = self.read_image(index)
        return np.ascontiguousarray(np.broadcast_to(image, (*image.shape[:2], 3)))

    def select(self, indices):
        """Return the images at these places, in this order."""
        indices = [int(index) for index in indices]
        return MultiLabelImages(
            tuple(self.names[index] for index in indices),
            self.targets[indices],
            partial(_read_chosen, self.read_image, indices),
            tuple(self.contents[index] for index in indices),
        )

    def update(self, digest, by_size=False):
        """Feed a hash with the names, the targets and the content; `by_size` as of `fingerprint_of`."""
        digest.update(str(self.targets.shape).encode())
        digest.update(np.ascontiguousarray(self.targets))
        for name, content in zip(self.names, self.contents, strict=True):
            digest.update(f"{name}\n".encode("utf-8", "surrogateescape"))
            digest.update(_summary(content, by_size))

    def unchanged_since(self, moment):
        """Return whether no file of these images was written, moved or replaced after a time, in seconds of the epoch.

        The disk notes when a file's content or place changed (mtime and ctime), and nobody sets the latter. Where the
        clock of a folder elsewhere is wrong, or the images were copied since, the answer is no.
        """
        files = (content.stat() for content in self.contents if isinstance(content, Path))
        return all(max(file.st_mtime, file.st_ctime) < moment for file in files)


@dataclass(frozen=True)
class MultiLabelSet:
    """Images that show any number of classes each.

    Attributes:
        spec: What names it on the command line, such as `voc2007:PATH`.
        class_names: One name per column of the targets.
        train: `MultiLabelImages` for training.
        test: The one for testing.
        remarks: `Remark`s on how they were read.
    """

    spec: str
    class_names: tuple[str, ...]
    train: MultiLabelImages
    test: MultiLabelImages
    remarks: tuple[Remark, ...] = ()

    @property
    def num_classes(self):
        return len(self.class_names)

    @property
    def splits(self):
        return (self.train, self.test)

    @property
    def one_label(self):
        """Whether every image shows exactly one class, and every class counts."""
        return all(
            bool((split.targets != NOT_COUNTED).all() and ((split.targets == PRESENT).sum(1) == 1).all())
            for split in self.splits
        )

    def class_counts(self, target=PRESENT):
        """Return int64 (2, num_classes): the images for training and for testing with this target for each class."""
        return np.stack([(split.targets == target).sum(0, dtype=np.int64) for split in self.splits])

    def fingerprint(self):
        """Return a SHA-256 over the class names, the images' names, their targets and their content.

        Images in memory count by their pixels, images in files by name and bytes.
        """
        return fingerprint_of(self)


def images_in_files(names, targets, files):
    """Return the `MultiLabelImages` of images in files, which are not opened before they are wanted.

    Args:
        names: A unique name per image.
        targets: Integers (count, num_classes) as in `MultiLabelImages`.
        files: One `Path` per image.
    """
    files = tuple(files)
    return MultiLabelImages(tuple(names), np.asarray(targets, np.int8), partial(_read_file, files), files)


def one_class_each(data):
    """Return the `MultiLabelSet` of a `ClassificationSet`: every image shows its class and no other."""
    splits = [
        _one_class_each(images, name, data.num_classes)
        for images, name in zip(data.splits, ("train", "test"), strict=True)
    ]
    return MultiLabelSet(data.spec, data.class_names, *splits)


def _one_class_each(images, split, num_classes):
    targets = np.full((len(images), num_classes), ABSENT, np.int8)
    targets[np.arange(len(images)), images.labels] = PRESENT
    return MultiLabelImages(images.image_names(split), targets, images.read, images.contents)


def _read_file(files, index):
    return read_image(files[index])


def _read_chosen(read, indices, index):
    return read(indices[index])


def _summary(content, by_size):
    if isinstance(content, Path):
        held = content.stat().st_size if by_size else content_hash(content).hex()
        return f"{content.name} {held}\n".encode("utf-8", "surrogateescape")
    if isinstance(content, np.ndarray):
        return str(content.shape).encode() + content.tobytes()
    return content
