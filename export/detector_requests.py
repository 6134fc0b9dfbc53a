"""Requests of a detector with the answers of its Keras model, of pictures in which detectors find something."""

from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf

from tfapp.export.box_rows import form_failure, rows_of, same_rows
from tfapp.export.errors import ExportError
from tfapp.export.image_requests import ImageRequests

# Pictures that are tried for one in which the detector finds something.
_TRIES = 6
# Noise for each unit of the tolerance, as a share of the range of the values: what is found in an image that differs
# by less than computing in another order does is found by other runtimes too.
_NOISE, _NOISES = 0.1, 2
# A corner may lie so many pixels outside of its image.
_LEEWAY = 1.0


@dataclass(frozen=True)
class DetectorRequests(ImageRequests):
    """Makes requests of a `tfapp.export.detector_graph.Detector`."""

    _chosen: dict = field(default_factory=dict, init=False, compare=False)

    def answer(self, images):
        """As of `ImageRequests`, with `decided`, bool by image: whether noise below the tolerance changes no row."""
        found = self._found(images)
        check_found(found, images, self.image_model.num_classes)
        others = [self._found(self._with_noise(images, seed)) for seed in range(_NOISES)]
        decided = [
            all(same_rows(rows_of(found, place), rows_of(other, place)) for other in others)
            for place in range(len(images))
        ]
        return {**found, "decided": np.array(decided, bool)}

    def answer_files(self, files):
        answers = [self.answer(self.decoded(contents)) for contents in files]
        return {alias: np.concatenate([answer[alias] for answer in answers]) for alias in answers[0]}

    def pixels(self, size, count=1):
        """Pictures of `size` in which the detector finds something, of some that are tried, or others.

        As of `ImageRequests`; the same for the same arguments.
        """
        if (size, count) not in self._chosen:
            self._chosen[size, count] = self._choose(size, count)
        return self._chosen[size, count]

    def _choose(self, size, count):
        low, high = self.image_model.value_range
        good, others = [], []
        for seed in range(_TRIES):
            picture = sample_picture(size, self.image_model.num_channels, seed)
            found = self.answer((picture[None] / 255 * (high - low) + low).astype(np.float32))
            (good if found["counts"][0] and found["decided"][0] else others).append(picture)
            if len(good) == count:
                break
        return np.stack([*good, *others][:count])

    def _found(self, images):
        # On the CPU, as the check runs there.
        with tf.device("cpu:0"):
            return {alias: value.numpy() for alias, value in self.image_model.answer(images).items()}

    def _with_noise(self, images, seed):
        low, high = self.image_model.value_range
        noise = np.random.default_rng(seed).uniform(-1, 1, images.shape)
        most = _NOISE * self.image_model.tolerance * (high - low)
        return np.clip(images + most * noise, low, high).astype(np.float32)


def sample_picture(size, num_channels, seed=0):
    """Return ellipses and rectangles of many colours on a background with noise, the same for the same arguments.

    Args:
        size: Height and width in pixels.
        num_channels: Of the picture.
        seed: Of places, colours and noise.

    Returns:
        uint8 `(height, width, num_channels)`.
    """
    rng = np.random.default_rng([seed, *size, num_channels])
    rows, columns = np.ogrid[: size[0], : size[1]]
    picture = np.empty((*size, num_channels))
    picture[:] = rng.uniform(40, 220, num_channels)
    for _ in range(6):
        side = rng.uniform(0.12, 0.4, 2) * min(size)
        y, x = rng.uniform(side / 2, np.maximum(np.array(size) - side / 2, side / 2 + 1e-9))
        down, right = abs(rows + 0.5 - y) / side[0] * 2, abs(columns + 0.5 - x) / side[1] * 2
        inside = down**2 + right**2 <= 1 if rng.random() < 0.5 else np.maximum(down, right) <= 1
        picture[inside] = rng.uniform(0, 255, num_channels)
    return (picture + rng.normal(0, 6, picture.shape)).clip(0, 255).astype(np.uint8)


def check_found(found, images, num_classes):
    """Raise ExportError if what a model finds in images is no list of boxes in their pixels.

    Args:
        found: Arrays by alias, as of `tfapp.export.detector_graph.Detector.answer`.
        images: `(batch, height, width, channels)`.
        num_classes: Of the class names.
    """
    height, width = images.shape[1:3]
    if failure := form_failure(found):
        raise _wrong("`model` must give a list of boxes of each image.", failure, height, width)
    rows = [rows_of(found, place) for place in range(len(images))]
    boxes, classes = (np.concatenate([row[index] for row in rows]) for index in (0, 2))
    if not len(boxes):
        return
    if classes.min() < 0 or classes.max() >= num_classes:
        told = f"classes from {classes.min()} to {classes.max()}"
        raise _wrong(
            f"`class_names` must name every class of `model`, here {num_classes}.", told, height, width
        )
    if boxes.max() <= 1 < min(height, width):
        told = "corners of at most 1, as shares of the image have"
        raise _wrong("`model` must give boxes in pixels of the image that it gets.", told, height, width)
    inside = (boxes >= -_LEEWAY).all() and (boxes <= np.add([height, width] * 2, _LEEWAY)).all()
    if not inside or (boxes[:, 2:] < boxes[:, :2]).any():
        told = f"one with the corners {_first_wrong(boxes, height, width)}"
        raise _wrong("`model` must give boxes (y1, x1, y2, x2) that lie in the image.", told, height, width)


def _first_wrong(boxes, height, width):
    beyond = (boxes < -_LEEWAY) | (boxes > np.add([height, width] * 2, _LEEWAY))
    wrong = beyond.any(-1) | (boxes[:, 2:] < boxes[:, :2]).any(-1)
    return tuple(round(float(corner), 1) for corner in boxes[np.argmax(wrong)])


def _wrong(expected, told, height, width):
    return ExportError(f"{expected} Received: {told}, for an image of {height}x{width}.")
