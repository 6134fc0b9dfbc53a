"""Images with one label or several each, in memory or in files, and their training and test part."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from tfapp.data.images import read_image
from tfapp.errors import InputError


@dataclass(frozen=True)
class ImageArray:
    """Labelled images of one size, in memory.

    Attributes:
        images: uint8 (count, height, width, channels).
        labels: int32 (count,), class indices.
    """

    images: np.ndarray
    labels: np.ndarray

    def __len__(self):
        return len(self.labels)

    @property
    def image_shape(self):
        """(height, width, channels)."""
        return self.images.shape[1:]

    def read(self, index):
        """Return one image, float32 (height, width, channels) in [0, 1]."""
        return self.images[index].astype(np.float32) / 255.0

    def select(self, indices):
        """Return the images at these places, in this order."""
        return ImageArray(self.images[indices], self.labels[indices])

    def mean_image(self):
        """Return the mean of all images, float32 (height, width, channels) in [0, 1]."""
        return (self.images.mean(0, np.float64) / 255.0).astype(np.float32)

    def update(self, digest):
        """Feed a hash with the content."""
        for array in (self.images, self.labels):
            digest.update(str(array.shape).encode())
            digest.update(np.ascontiguousarray(array))


@dataclass(frozen=True)
class ImageFiles:
    """Labelled images of any size, in files that are decoded when they are wanted.

    Attributes:
        files: One path per image.
        labels: int32 (count,), class indices.
    """

    files: tuple[Path, ...]
    labels: np.ndarray

    def __len__(self):
        return len(self.labels)

    @property
    def image_shape(self):
        """(height, width, channels), of which the first two differ from image to image: (None, None, 3)."""
        return (None, None, 3)

    def read(self, index):
        """Return one image, float32 (height, width, 3) in [0, 1].

        Raises:
            InputError: If the file is missing, damaged or not an image.
        """
        return read_image(self.files[index])

    def select(self, indices):
        """Return the images at these places, in this order."""
        return ImageFiles(tuple(self.files[index] for index in indices), self.labels[indices])

    def update(self, digest):
        """Feed a hash with the names and sizes of the files: reading a million of them would take hours."""
        for file, label in zip(self.files, self.labels, strict=True):
            digest.update(f"{file.parent.name}/{file.name} {file.stat().st_size} {label}\n".encode())


@dataclass(frozen=True)
class ClassificationSet:
    """Images with one label each.

    Attributes:
        spec: What names it on the command line, such as `mnist:PATH`.
        class_names: One name per class index.
        train: `ImageArray` or `ImageFiles`.
        test: The same for testing; of ImageNet its validation part, whose labels are public.
    """

    spec: str
    class_names: tuple[str, ...]
    train: ImageArray | ImageFiles
    test: ImageArray | ImageFiles

    @property
    def num_classes(self):
        return len(self.class_names)

    @property
    def image_shape(self):
        """(height, width, channels) of the images; None where it differs."""
        return self.train.image_shape

    def class_counts(self):
        """Return int64 (2, num_classes): the images of each class for training and for testing."""
        return np.stack([np.bincount(part.labels, minlength=self.num_classes) for part in self.parts])

    @property
    def parts(self):
        return (self.train, self.test)

    def fingerprint(self):
        """Return a SHA-256 over the class names, the images and their labels.

        Images in memory count by their pixels, images in files by name and size.
        """
        return fingerprint_of(self)


def fingerprint_of(data):
    """Return a SHA-256 over the `class_names` of a set of images and over its `parts`, by their own `update`."""
    digest = hashlib.sha256("\n".join(data.class_names).encode())
    for part in data.parts:
        part.update(digest)
    return digest.hexdigest()


def checked_array(images, labels, num_classes, images_from, labels_from):
    """Return an `ImageArray`, or raise InputError unless each image has one label of a class.

    Args:
        images: uint8 (count, height, width, channels).
        labels: Integers (count,).
        num_classes: Number of classes.
        images_from, labels_from: The files they come from, for messages.
    """
    if len(images) != len(labels):
        raise InputError(
            f"{images_from} holds {len(images)} images but {labels_from} {len(labels)} labels; expected one label per "
            "image: restore both files."
        )
    if not len(images):
        raise InputError(f"{images_from} holds no image; restore the official file.")
    outside = (labels < 0) | (labels >= num_classes)
    if outside.any():
        raise InputError(
            f"{labels_from} holds the label {labels[outside][0]}; expected 0 to {num_classes - 1}."
        )
    return ImageArray(images, labels.astype(np.int32))


PRESENT, NOT_COUNTED, ABSENT = 1, 0, -1


@dataclass(frozen=True)
class MultiLabelPart:
    """Images that show any number of classes each, read when they are wanted.

    Attributes:
        names: A unique name per image.
        targets: int8 (count, num_classes): 1 where an image shows a class, -1 where it does not, 0 where it does not
            count, neither for training nor for testing.
        read_image: Function of an index that returns an image, float32 (height, width, 1 or 3) in [0, 1].
        contents: What the fingerprint takes for each image: a `Path` by name and size, an array by its values, bytes
            as they are.
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
        return MultiLabelPart(
            tuple(self.names[index] for index in indices),
            self.targets[indices],
            partial(_read_chosen, self.read_image, indices),
            tuple(self.contents[index] for index in indices),
        )

    def update(self, digest):
        """Feed a hash with the names, the targets and the content."""
        digest.update(str(self.targets.shape).encode())
        digest.update(np.ascontiguousarray(self.targets))
        for name, content in zip(self.names, self.contents, strict=True):
            digest.update(f"{name}\n".encode())
            digest.update(_summary(content))


@dataclass(frozen=True)
class MultiLabelSet:
    """Images that show any number of classes each.

    Attributes:
        spec: What names it on the command line, such as `voc2007:PATH`.
        class_names: One name per column of the targets.
        train: `MultiLabelPart` for training.
        test: The one for testing.
    """

    spec: str
    class_names: tuple[str, ...]
    train: MultiLabelPart
    test: MultiLabelPart

    @property
    def num_classes(self):
        return len(self.class_names)

    @property
    def parts(self):
        return (self.train, self.test)

    @property
    def one_label(self):
        """Whether every image shows exactly one class, and every class counts."""
        return all(
            bool((part.targets != NOT_COUNTED).all() and ((part.targets == PRESENT).sum(1) == 1).all())
            for part in self.parts
        )

    def class_counts(self, target=PRESENT):
        """Return int64 (2, num_classes): the images for training and for testing with this target for each class."""
        return np.stack([(part.targets == target).sum(0, dtype=np.int64) for part in self.parts])

    def fingerprint(self):
        """Return a SHA-256 over the class names, the images' names, their targets and their content.

        Images in memory count by their pixels, images in files by name and size.
        """
        return fingerprint_of(self)


def files_part(names, targets, files):
    """Return the `MultiLabelPart` of images in files, which are not opened before they are wanted.

    Args:
        names: A unique name per image.
        targets: Integers (count, num_classes) as in `MultiLabelPart`.
        files: One `Path` per image.
    """
    files = tuple(files)
    return MultiLabelPart(tuple(names), np.asarray(targets, np.int8), partial(_read_file, files), files)


def _read_file(files, index):
    return read_image(files[index])


def _read_chosen(read, indices, index):
    return read(indices[index])


def _summary(content):
    if isinstance(content, Path):
        return f"{content.name} {content.stat().st_size}\n".encode()
    if isinstance(content, np.ndarray):
        return str(content.shape).encode() + content.tobytes()
    return content
