"""Common ground of the exports of models of images: the model, its endpoints, encoded images as tensors."""

from abc import abstractmethod
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from tfapp.export.archive import Servable
from tfapp.export.errors import ExportError
from tfapp.export.requests import BYTES, DEFAULT, UINT8, check_keras_model

ANY_SIZE = (None, None)


@dataclass(frozen=True, kw_only=True)
class ImageModel:
    """What the endpoints and the check need to know of every model of images.

    Attributes:
        model: Keras model of float32 images `(batch, height, width, channels)`.
        num_channels: Channels of an image, 1 or 3.
        num_classes: Classes of the output.
        value_range: Lowest and highest value of an image as the model takes it.
        size: Height and width of every image in pixels, or `ANY_SIZE`.
        tolerance: Largest accepted difference of two outputs computed by two runtimes.
    """

    model: keras.Model
    num_channels: int
    num_classes: int
    value_range: tuple[float, float]
    size: tuple[int | None, int | None] = ANY_SIZE
    tolerance: float

    @property
    def channel_order(self):
        return "RGB" if self.num_channels == 3 else "grey"


def image_input(model, value_range):
    """Return what `model` is fed: dict of `num_channels`, `value_range` and `size`, of which one side may be None.

    Raises:
        ExportError: not a Keras model on the TensorFlow backend; an input that is not one batch of images of 1 or
            3 channels; `value_range` unusable.
    """
    check_keras_model(model)
    low, high = (float(bound) for bound in value_range)
    if not (np.isfinite([low, high]).all() and low < high):
        raise ExportError(f"`value_range` must be two finite rising numbers. Received: {value_range!r}.")
    declared = getattr(model, "input_shape", None)
    shape = declared or model.get_build_config()
    if isinstance(shape, dict):
        shape = shape.get("input_shape")
    if not isinstance(shape, (tuple, list)) or len(shape) != 4 or not isinstance(shape[-1], int):
        raise ExportError(
            "`model` must take one image batch (batch, height, width, channels) with known channels. "
            f"Received: input shape {shape}."
        )
    if shape[-1] not in (1, 3):
        raise ExportError(
            "`model` must take images of 1 or 3 channels, as encoded images have. "
            f"Received: input shape {tuple(shape)}."
        )
    # What a subclassed model was built with is one size that it has seen, not the only one.
    size = tuple(shape[1:3]) if declared else ANY_SIZE
    return {"num_channels": shape[-1], "value_range": (low, high), "size": size}


@dataclass(frozen=True)
class ServedImages(Servable):
    """A model of images with what its export was asked for.

    Attributes:
        image_model: `ImageModel`.
        class_names: List of str, or None.
        warmup_sizes: Pairs (height, width) in pixels.
        examples: Images to compare besides the generated ones.
        meanings: What outputs mean, by alias.
    """

    image_model: ImageModel
    class_names: list | None
    warmup_sizes: list
    examples: list | tuple
    meanings = None

    @property
    @abstractmethod
    def requests(self):
        """`ImageRequests` of the model."""

    @property
    def model(self):
        return self.image_model.model

    @property
    def tolerance(self):
        return self.image_model.tolerance

    def warmup_requests(self):
        return self.requests.warmup(self.warmup_sizes)

    def further_requests(self):
        return self.requests.examples(self.examples)

    def meaning(self, alias, dtype):
        if alias == "image_bytes":
            return f"encoded PNG, JPEG, BMP or GIF (first frame) files, each {self._size('at its own size')}"
        low, high = (0, 255) if dtype == "uint8" else self.image_model.value_range
        size = self._size("of any height and width")
        images = f"{self.image_model.channel_order} images {size}, values {low:g} to {high:g}"
        return self.meanings.get(alias, images)

    def facts(self):
        size = self.image_model.size
        return {
            "images": {
                "channels": self.image_model.num_channels,
                "channel_order": self.image_model.channel_order,
                "size": None if None in size else list(size),
                "value_range": list(self.image_model.value_range),
                "uint8_range": [0, 255],
            },
            "num_classes": self.image_model.num_classes,
            "class_names": self.class_names,
        }

    def _size(self, otherwise):
        height, width = self.image_model.size
        return otherwise if None in (height, width) else f"{height} pixels high and {width} wide"


def checked_names(names, num_classes):
    """Return `names` as a list of str.

    Raises:
        ExportError: not one name per class.
    """
    names = [str(name) for name in names]
    if len(names) != num_classes:
        raise ExportError(
            f"`class_names` must name the {num_classes} classes of the model. Received: {len(names)} names."
        )
    return names


def checked_sizes(sizes):
    """Return `warmup_sizes` as a list of tuples.

    Raises:
        ExportError: one is not a pair of positive integers.
    """
    sizes = [tuple(size) for size in sizes]
    for size in sizes:
        if len(size) != 2 or not all(isinstance(side, int) and side > 0 for side in size):
            raise ExportError(
                f"`warmup_sizes` must be pairs (height, width) of positive integers. Received: {size!r}."
            )
    return sizes


def endpoints(segmenter):
    """Functions to export by signature name.

    Args:
        segmenter: `Segmenter`, with N images of H x W x C and K classes.

    Returns:
        Dict of `(function, input signature)`:
        `serving_default`: `images` float32 `(N, H, W, C)` in the model's value range to `probabilities`
        float32 `(N, H, W, K)` and `labels` int32 `(N, H, W)` (int32, as it indexes arrays in any client), and
        where the model gives it `gap` float32 `(N,)`;
        `serving_uint8`: `images` uint8 `(N, H, W, C)` in 0..255, scaled in the graph, to the same;
        `serving_bytes`: `image_bytes` string `(N,)` to `labels_png_bytes` string `(N,)`, 8-bit up to
        256 classes and 16-bit beyond. One bad file fails its whole request with INVALID_ARGUMENT.
    """

    def answer(images):
        probabilities, *gap = segmenter.answer(images)
        labels = tf.argmax(probabilities, axis=-1, output_type=tf.int32)
        found = {"probabilities": probabilities, "labels": labels}
        return {**found, "gap": gap[0]} if gap else found

    def from_files(image_bytes):
        def label_one(contents):
            image = decode_image(contents, segmenter.num_channels, segmenter.value_range)
            return encode_labels(answer(image[tf.newaxis])["labels"][0], segmenter.num_classes)

        return {"labels_png_bytes": tf.map_fn(label_one, image_bytes, fn_output_signature=tf.string)}

    return image_endpoints(segmenter, answer, from_files)


def image_endpoints(image_model, answer, from_files):
    """Functions to export by signature name, as `endpoints`, for any model of images.

    Args:
        image_model: `ImageModel`.
        answer: Function from float32 images `(batch, height, width, channels)` to a dict of tensors by alias.
        from_files: Function of the argument `image_bytes`, string `(batch,)`, to a dict of tensors by alias.
    """
    shape = (None, *image_model.size, image_model.num_channels)

    def from_integers(images):
        return answer(scale_to(images, image_model.value_range))

    return {
        DEFAULT: (answer, [tf.TensorSpec(shape, tf.float32, name="images")]),
        UINT8: (from_integers, [tf.TensorSpec(shape, tf.uint8, name="images")]),
        BYTES: (from_files, [tf.TensorSpec((None,), tf.string, name="image_bytes")]),
    }


def scale_to(integers, value_range):
    """Unsigned integers, 0 to the largest of their dtype, as float32 over `value_range`."""
    low, high = value_range
    return tf.cast(integers, tf.float32) / integers.dtype.max * (high - low) + low


def decode_image(contents, num_channels, value_range=(0.0, 1.0)):
    """Decode one file as Pillow would: exact JPEG transform, 16-bit PNG at full depth, ITU-R 601 grey.

    `tf.io.decode_image` alone differs from Pillow by up to 3 grey levels on JPEG (its default transform is
    the fast one), keeps the high byte of 16-bit PNG only, and refuses BMP and GIF for one channel.
    Alpha is dropped, not blended; orientation tags are not applied.

    Args:
        contents: Scalar string tensor, a PNG, JPEG, BMP or GIF file.
        num_channels: 3 (RGB) or 1 (grey).
        value_range: Values of black and white.

    Returns:
        float32 tensor `(height, width, num_channels)`.
    """
    # Decoding has CPU kernels only; left open, a server with a GPU may fail to place it inside map_fn.
    with tf.device("cpu:0"):
        image = tf.cond(
            tf.io.is_jpeg(contents),
            lambda: _scaled(
                tf.io.decode_jpeg(contents, 3, dct_method="INTEGER_ACCURATE"), num_channels, value_range
            ),
            lambda: _decode_other(contents, num_channels, value_range),
        )
    image.set_shape((None, None, num_channels))
    return image


def _decode_other(contents, num_channels, value_range):
    # Byte 24 of a PNG file is its bit depth (PNG specification, IHDR). Beyond the end of a damaged file
    # substr would fail first, with a message about positions; decode_image names the formats instead.
    depth_at = tf.minimum(24, tf.strings.length(contents))
    is_png = tf.equal(tf.strings.substr(contents, 0, 4), b"\x89PNG")
    is_deep = tf.logical_and(is_png, tf.equal(tf.strings.substr(contents, depth_at, 1), b"\x10"))
    return tf.cond(
        is_deep,
        lambda: _scaled(tf.io.decode_png(contents, 3, tf.uint16), num_channels, value_range),
        lambda: _scaled(tf.io.decode_image(contents, 3, expand_animations=False), num_channels, value_range),
    )


def _scaled(colours, num_channels, value_range):
    return scale_to(colours if num_channels == 3 else _grey(colours), value_range)


def _grey(colours):
    # Pillow's integer weights of convert("L"): 0.299, 0.587, 0.114 in 1/65536; they leave grey images alone.
    # int64, as 65535 * 65536 overflows int32.
    weights = tf.constant([19595, 38470, 7471], tf.int64)
    total = tf.reduce_sum(tf.cast(colours, tf.int64) * weights, axis=-1, keepdims=True)
    return tf.cast((total + 32768) // 65536, colours.dtype)


def of_size(image, size, alias):
    """Return `image` `(height, width, channels)`, or fail with INVALID_ARGUMENT if it has not the `size` that
    files of the input `alias` must have."""
    told = f"{alias} must hold images {size[0]} pixels high and {size[1]} wide, got"
    found = tf.shape(image)[:2]
    right = tf.reduce_all(tf.equal(found, size))
    with tf.control_dependencies([tf.debugging.Assert(right, [told, found])]):
        image = tf.identity(image)
    image.set_shape((*size, image.shape[-1]))
    return image


def encode_labels(labels, num_classes):
    """PNG file (scalar string) of int32 `labels` `(height, width)`, 8-bit or beyond 256 classes 16-bit."""
    dtype = tf.uint8 if num_classes <= 256 else tf.uint16
    with tf.device("cpu:0"):
        return tf.io.encode_png(tf.cast(labels, dtype)[..., tf.newaxis])
