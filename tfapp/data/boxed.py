"""Images with boxes around objects, and their splits for training and testing."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfapp.data.dataset import Remark
from tfapp.data.images import image_size, is_turned, read_image
from tfapp.data.labelled import fingerprint_of
from tfapp.errors import InputError
from tfapp.files import content_hash


@dataclass(frozen=True, eq=False)
class Boxes:
    """The objects of an image.

    Attributes:
        corners: float32 (count, 4), rows (y1, x1, y2, x2) in pixels: pixel i reaches from i to i + 1.
        labels: int64 (count,), class indices.
        difficult: Boolean (count,), objects that count for nothing when they are missed, or found.
    """

    corners: np.ndarray
    labels: np.ndarray
    difficult: np.ndarray

    def __len__(self):
        return len(self.labels)

    @classmethod
    def of(cls, rows):
        """Return the boxes of rows (corners, label, difficult)."""
        corners = np.array([row[0] for row in rows], np.float32).reshape(-1, 4)
        return cls(
            corners, np.array([row[1] for row in rows], np.int64), np.array([row[2] for row in rows], bool)
        )


@dataclass(frozen=True, eq=False)
class BoxedImage:
    """An image in a file with its objects.

    Attributes:
        name: Unique in its dataset.
        file: Its `Path`.
        size: (height, width) that its boxes are meant for.
        boxes: Its `Boxes`.
    """

    name: str
    file: Path
    size: tuple[int, int]
    boxes: Boxes

    def read(self):
        """Return the image, float32 (height, width, 3) in [0, 1].

        Raises:
            InputError: If the file is missing, damaged, no image, or of another size than its boxes are meant for.
        """
        image = read_image(self.file)
        if image.shape[:2] != tuple(self.size):
            raise InputError(
                f"{self.file} has {image.shape[1]}x{image.shape[0]} pixels, its boxes are for "
                f"{self.size[1]}x{self.size[0]}; give the image that was annotated, upright."
            )
        return image


@dataclass(frozen=True, eq=False)
class BoxedImages:
    """Images of a split.

    Attributes:
        images: `BoxedImage`s.
    """

    images: tuple[BoxedImage, ...]

    def __len__(self):
        return len(self.images)

    def __iter__(self):
        return iter(self.images)

    def __getitem__(self, index):
        return self.images[index]

    @property
    def contents(self):
        """The `Path`s of the images."""
        return tuple(image.file for image in self.images)

    def counts(self, num_classes):
        """Return int64 (2, num_classes): the objects of each class that are not difficult, and those that are."""
        found = np.zeros((2, num_classes), np.int64)
        for image in self.images:
            np.add.at(found, (image.boxes.difficult.astype(int), image.boxes.labels), 1)
        return found

    def update(self, digest, by_size=False):
        """Feed a hash with names, files and boxes; `by_size` as of `fingerprint_of`."""
        for image in self.images:
            content = image.file.stat().st_size if by_size else content_hash(image.file).hex()
            digest.update(f"{image.name}\n{content}\n".encode("utf-8", "surrogateescape"))
            for array in (image.boxes.corners, image.boxes.labels, image.boxes.difficult):
                digest.update(np.ascontiguousarray(array).tobytes())


@dataclass(frozen=True, eq=False)
class BoxedSet:
    """Images with boxes around objects.

    Attributes:
        spec: What names it on the command line, such as `voc-boxes:PATH`.
        class_names: Of the labels.
        train: `BoxedImages` for training, or all where nothing says which are for testing.
        test: Those for testing, or None.
        remarks: `Remark`s on how they were read.
    """

    spec: str
    class_names: tuple[str, ...]
    train: BoxedImages
    test: BoxedImages | None
    remarks: tuple[Remark, ...] = ()

    def __post_init__(self):
        """Raise InputError for an image that is there twice: it would be tested on after it was trained on."""
        names = [image.name for split in self.splits for image in split]
        twice = next((name for name, count in Counter(names).items() if count > 1), None)
        if twice is not None:
            raise InputError(
                f"{self.spec} has the image {twice} twice, in one list or in those for training and for testing; "
                "expected each image once."
            )

    @property
    def num_classes(self):
        return len(self.class_names)

    @property
    def splits(self):
        return (self.train,) if self.test is None else (self.train, self.test)

    def fingerprint(self):
        """Return a SHA-256 over the class names, and the images' names, files and boxes."""
        return fingerprint_of(self)


class Faults:
    """What is left out or mended while boxes are read, and told as remarks."""

    def __init__(self):
        self._found = {}
        # Names of images that EXIF turns, and of annotations that say they are of another image.
        self.turned, self.foreign = [], []

    def inside(self, corners, size, place):
        """Return corners (y1, x1, y2, x2) cut to an image, or None if nothing of it is left.

        Args:
            corners: Four numbers.
            size: (height, width) of the image.
            place: Where the box stands, for the remark.
        """
        if not (corners[2] > corners[0] and corners[3] > corners[1]):
            return self._note("without area", "left out", place)
        cut = np.clip(corners, 0, [*size, *size])
        if not (cut[2] > cut[0] and cut[3] > cut[1]):
            return self._note("outside of the image", "left out", place)
        if (cut != corners).any():
            self._note("that reach beyond the image", "cut", place)
        return cut

    def _note(self, fault, done, place):
        self._found.setdefault((fault, done), []).append(place)

    def remarks(self):
        """Return a `Remark` for each kind of fault, with the number of boxes and the first place."""
        found = [
            Remark(f"Boxes {fault} were {done}: {len(places)}, the first is {places[0]}.")
            for (fault, done), places in self._found.items()
        ]
        if self.turned:
            found.append(
                Remark(
                    f"{len(self.turned)} image(s) are turned by their orientation in EXIF, the first is "
                    f"{self.turned[0]}: their boxes are taken for drawn on the turned picture; look at them by `tfapp "
                    "data show`."
                )
            )
        if self.foreign:
            found.append(
                Remark(
                    f"{len(self.foreign)} annotation(s) say that they are of an image of another name, the first is "
                    f"{self.foreign[0]}; they are taken for those of the image of their own name."
                )
            )
        return tuple(found)


def four_numbers(values):
    """Return four values, numbers or texts, as floats.

    Raises:
        ValueError: Unless they are four finite numbers that can be places in an image.
    """
    try:
        found = [float(value) for value in values]
    except TypeError as error:
        raise ValueError("no numbers") from error
    if len(found) != 4 or not all(abs(value) < 1e9 for value in found):
        raise ValueError("not four places in an image")
    return found


def known_size(file, size, faults):
    """Return the (height, width) that an annotation tells, or that of the image where it tells none.

    Args:
        file: `Path` of the image.
        size: (height, width) of the annotation, 0 where it tells none.
        faults: `Faults`, which are told of an image that its orientation in EXIF turns: whether its boxes were drawn on
            the picture as it is turned, nothing says.
    """
    if is_turned(file):
        faults.turned.append(file.name)
    return tuple(size) if min(size) > 0 else tuple(image_size(file))


def check_boxed(spec, **splits):
    """Raise InputError for a split without images, or without any object that counts.

    Args:
        spec: What names the dataset.
        **splits: `BoxedImages` by the names of the splits.
    """
    for name, images in splits.items():
        if not len(images):
            raise InputError(f"{spec} has no image for {name}; give images with annotations.")
        if not any((~image.boxes.difficult).any() for image in images):
            raise InputError(
                f"No image for {name} of {spec} has a box that counts; annotate the objects, or name another list."
            )
