"""Images with one label each, in memory or in files, and their splits for training and testing."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from tfapp.data.images import read_image
from tfapp.errors import InputError
from tfapp.files import content_hash


class LabelledImages(Protocol):
    """What images with one label each can do, wherever they are kept.

    Attributes:
        labels: int32 (count,), class indices.
        image_shape: (height, width, channels); None where it differs from image to image.
        contents: What tells each image from others, for a fingerprint: its pixels, or its `Path`.
    """

    labels: np.ndarray

    @property
    def image_shape(self) -> tuple[int | None, int | None, int]: ...

    @property
    def contents(self) -> Sequence[np.ndarray | Path]: ...

    def __len__(self) -> int: ...

    def read(self, index):
        """Return one image, float32 (height, width, channels) in [0, 1]."""

    def select(self, indices):
        """Return the images at these places, in this order."""

    def image_names(self, split):
        """Return a name for each image, unique together with those of the other split."""

    def update(self, digest, by_size=False):
        """Feed a hash with the content and the labels; `by_size` as of `fingerprint_of`."""

    def loader(self, size, augment, seed):
        """Return a function that makes batches of images, as those of `tfapp.data.loaders` do.

        The arguments are those of `batches`.
        """


@dataclass(frozen=True)
class ImageArray:
    """Labelled images of one size, in memory: `LabelledImages`.

    Attributes:
        images: uint8 (count, height, width, channels), or float32 values that are taken as they are, those of prepared
            images, which are not in [0, 1].
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

    @property
    def contents(self):
        return self.images

    def read(self, index):
        """Return one image, float32 (height, width, channels) in [0, 1]."""
        return self.values(index)

    def values(self, indices):
        """Return the values of images at an index, or at some, as networks see them: float32, of bytes in [0, 1]."""
        chosen = self.images[indices]
        return chosen if chosen.dtype == np.float32 else chosen.astype(np.float32) / 255.0

    def select(self, indices):
        """Return the images at these places, in this order."""
        return ImageArray(self.images[indices], self.labels[indices])

    def image_names(self, split):
        """Return `SPLIT/NUMBER` for each image."""
        return tuple(f"{split}/{index:05d}" for index in range(len(self)))

    def mean_image(self):
        """Return the mean of all images as networks see them, float32 (height, width, channels)."""
        white = 1.0 if self.images.dtype == np.float32 else 255.0
        return (self.images.mean(0, np.float64) / white).astype(np.float32)

    def update(self, digest, by_size=False):
        """Feed a hash with the content, which is all at hand."""
        del by_size
        for array in (self.images, self.labels):
            digest.update(str(array.shape).encode())
            digest.update(np.ascontiguousarray(array))

    def loader(self, size, augment, seed):
        # TensorFlow only where there are batches: the command line looks at data without.
        from tfapp.data.loaders import array_loader

        return array_loader(self.images, self.labels, size, augment, seed)


@dataclass(frozen=True)
class ImageFiles:
    """Labelled images of any size, in files that are decoded when they are wanted: `LabelledImages`.

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

    @property
    def contents(self):
        return self.files

    def read(self, index):
        """Return one image, float32 (height, width, 3) in [0, 1].

        Raises:
            InputError: If the file is missing, damaged or not an image.
        """
        return read_image(self.files[index])

    def select(self, indices):
        """Return the images at these places, in this order."""
        return ImageFiles(tuple(self.files[index] for index in indices), self.labels[indices])

    def image_names(self, split):
        """Return `FOLDER/FILE` for each image, whose folder is its class."""
        del split
        return tuple(f"{file.parent.name}/{file.name}" for file in self.files)

    def update(self, digest, by_size=False):
        """Feed a hash with the names, the bytes and the labels of the files; `by_size` as of `fingerprint_of`."""
        for file, label in zip(self.files, self.labels, strict=True):
            content = file.stat().st_size if by_size else content_hash(file).hex()
            digest.update(
                f"{file.parent.name}/{file.name} {content} {label}\n".encode("utf-8", "surrogateescape")
            )

    def loader(self, size, augment, seed):
        # As in `ImageArray`.
        from tfapp.data.loaders import file_loader

        return file_loader(self.read, self.labels, self.image_shape, size, augment, seed)


@dataclass(frozen=True)
class ClassificationSet:
    """Images with one label each.

    Attributes:
        spec: What names it on the command line, such as `mnist:PATH`.
        class_names: One name per class index.
        train: `LabelledImages`: `ImageArray` or `ImageFiles`.
        test: The same for testing; of ImageNet its validation split, whose labels are public.
        remarks: None, as their readers have nothing to say.
    """

    remarks = ()

    spec: str
    class_names: tuple[str, ...]
    train: LabelledImages
    test: LabelledImages

    @property
    def num_classes(self):
        return len(self.class_names)

    @property
    def image_shape(self):
        """(height, width, channels) of the images; None where it differs."""
        return self.train.image_shape

    @property
    def splits(self):
        return (self.train, self.test)

    def class_counts(self):
        """Return int64 (2, num_classes): the images of each class for training and for testing."""
        return np.stack([np.bincount(images.labels, minlength=self.num_classes) for images in self.splits])

    def fingerprint(self):
        """Return a SHA-256 over the class names, the images and their labels.

        Images in memory count by their pixels, images in files by name and bytes.
        """
        return fingerprint_of(self)


def fingerprint_of(data, by_size=False):
    """Return a SHA-256 over the `class_names` of a set of images and over its `splits`, by their own `update`.

    Args:
        data: `ClassificationSet` or `MultiLabelSet`.
        by_size: Whether files count by their sizes, as in records of version 0.1, and not by their bytes.
    """
    digest = hashlib.sha256("\n".join(data.class_names).encode("utf-8", "surrogateescape"))
    for images in data.splits:
        images.update(digest, by_size)
    return digest.hexdigest()


def has_fingerprint(data, stored):
    """Return whether a set of images is the one of a stored fingerprint.

    Records of version 0.1 know files by their sizes. They stay valid: neither form is ever the other's, so what was
    stored by content is compared by content alone.
    """
    return any(fingerprint_of(data, by_size) == stored for by_size in (False, True))


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
