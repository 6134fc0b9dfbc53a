"""Requests of images, as floats, whole numbers and files, with the answers of a Keras model."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tfapp.export.comparisons import fits
from tfapp.export.errors import ExportError
from tfapp.export.image_files import decode_image
from tfapp.export.images import ImageModel
from tfapp.export.requests import BYTES, DEFAULT, UINT8, Request, sample_image


@dataclass(frozen=True)
class ImageRequests(ABC):
    """Makes requests whose answers the Keras model itself computes, outside any endpoint.

    Attributes:
        image_model: `ImageModel`.
    """

    image_model: ImageModel

    @abstractmethod
    def answer(self, images):
        """What the model says of float32 `images` `(batch, height, width, channels)`: arrays by output alias.

        On the CPU, as the check runs there: a GPU's TF32 convolutions differ by more than the tolerance.
        """

    @abstractmethod
    def answer_files(self, files):
        """What the model says of a list of encoded images (bytes): arrays by output alias of `serving_bytes`."""

    def stored(self, sizes, files, batch=1):
        """The requests that go with the artifact: floats and whole numbers at each of `sizes`, `batch` images at
        a time, and one request of all `files`, pairs of a size and "png" or "jpeg"."""
        encoded = [self.encoded(size, kind) for size, kind in files]
        return [
            *(self.floats(self.scaled(size, batch)) for size in sizes),
            *(self.integers(self.pixels(size, batch)) for size in sizes),
            self.files(encoded, self._bad_files(encoded[0]) if self.image_model.status else ()),
        ]

    def _bad_files(self, png):
        """No image, and one of which the pixels are damaged and the header is not."""
        return [b"no image", png[: len(png) // 2] + png[-12:]]

    def warmup(self, sizes):
        """One request per signature and size `(height, width)`, each of a single image."""
        return [
            request
            for size in sizes
            for request in (
                self.floats(self.scaled(size)),
                self.integers(self.pixels(size)),
                self.files([self.encoded(size, "jpeg")]),
            )
        ]

    def examples(self, images):
        """One `serving_default` request per image of `images`, float32 `(height, width, channels)`.

        Raises:
            ExportError: an image has another rank, size or number of channels.
        """
        height, width = self.image_model.size
        wanted = (height, width, self.image_model.num_channels)
        found = []
        for image in images:
            image = np.asarray(image, np.float32)
            if not fits(image.shape, wanted):
                raise ExportError(
                    f"`extra_examples` must be images ({height or 'height'}, {width or 'width'}, {wanted[2]}). "
                    f"Received: an array of shape {image.shape}."
                )
            found.append(self.floats(image[np.newaxis]))
        return found

    def floats(self, images):
        """`serving_default` on float32 `images` `(batch, height, width, channels)`."""
        return Request(DEFAULT, {"images": images}, self.answer(images))

    def integers(self, images):
        """`serving_uint8` on uint8 `images` `(batch, height, width, channels)`."""
        low, high = self.image_model.value_range
        floats = images.astype(np.float32) / 255 * np.float32(high - low) + np.float32(low)
        return Request(UINT8, {"images": images}, self.answer(floats.astype(np.float32)))

    def files(self, files, bad=()):
        """`serving_bytes` on a list of encoded images (bytes), and behind them on `bad` ones where the model tells
        the status of each."""
        # An S array drops trailing zero bytes; PNG ends in a constant 0x82 and JPEG in 0xD9.
        answers = self.answer_files(files)
        if self.image_model.status:
            answers = {alias: _with_nothing(alias, answer, len(bad)) for alias, answer in answers.items()}
            answers["status"] = np.array([b""] * len(files) + [b"some reason"] * len(bad), "S")
        return Request(BYTES, {"image_bytes": np.array([*files, *bad], "S")}, answers)

    def decoded(self, contents):
        """The image of one file as a float32 batch of one."""
        model = self.image_model
        return decode_image(contents, model.num_channels, model.value_range).numpy()[np.newaxis]

    def pixels(self, size, count=1):
        """Test images of `size`, uint8 `(count, height, width, channels)`."""
        return np.stack([sample_image(size, self.image_model.num_channels, seed) for seed in range(count)])

    def scaled(self, size, count=1):
        """The same as float32 over the model's value range."""
        low, high = self.image_model.value_range
        return (self.pixels(size, count) / 255 * (high - low) + low).astype(np.float32)

    def encoded(self, size, kind):
        """Bytes of one test image as "png" or "jpeg"."""
        encode = tf.io.encode_png if kind == "png" else tf.io.encode_jpeg
        return encode(self.pixels(size)[0]).numpy()


def _with_nothing(alias, answers, count):
    """`answers` and those of `count` bad files: empty strings, scores of 0, labels and classes of -1."""
    value = {"labels": -1, "top_labels": -1, "classes": -1, "decided": True}.get(alias, 0)
    nothing = np.full((count, *answers.shape[1:]), value, answers.dtype)
    return np.concatenate([answers, nothing if answers.dtype.kind != "S" else np.zeros(count, answers.dtype)])
