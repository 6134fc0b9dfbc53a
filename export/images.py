"""Common ground of the exports of models of images: the model, its endpoints, encoded images as tensors."""

from abc import abstractmethod
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from tfapp.export.archive import Servable
from tfapp.export.errors import ExportError
from tfapp.export.image_files import decode_image, encode_labels, scale_to, whole_file
from tfapp.export.image_headers import BMP, Header, read_header
from tfapp.export.image_limits import finite, limited, within_limit
from tfapp.export.requests import BYTES, DEFAULT, UINT8, check_keras_model

ANY_SIZE = (None, None)
# 4096 x 4096. A U-Net of base width 8 takes some 200 bytes a pixel, 3.4 GB then, and memory grows with the width: a
# server of a wide network or of little memory wants a lower limit.
MAX_PIXELS = 2**24
# What the check of an export itself asks fits below.
_LEAST_MAX_PIXELS = 2**16
# A GIF file of one pixel.
_PIXEL = b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
_DAMAGED = "the file is damaged: its pixels cannot be decoded; save it again"


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
        max_pixels: Most pixels of all images of a request together.
        status: Whether `serving_bytes` tells of each file whether it could be read, in place of failing.
    """

    model: keras.Model
    num_channels: int
    num_classes: int
    value_range: tuple[float, float]
    size: tuple[int | None, int | None] = ANY_SIZE
    tolerance: float
    max_pixels: int = MAX_PIXELS
    status: bool = False

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
        if alias == "status":
            return "per file, empty where it was read; else why it was not, and its answer is empty"
        if alias == "image_bytes":
            return f"encoded PNG, JPEG, BMP or GIF files, each {self._size('at its own size')}"
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
            "max_pixels": self.image_model.max_pixels,
            "status": self.image_model.status,
        }

    def _size(self, otherwise):
        height, width = self.image_model.size
        return otherwise if None in (height, width) else f"{height} pixels high and {width} wide"


def checked_names(names, num_classes):
    """Return `names` as a list of str.

    Raises:
        ExportError: not one name per class, or two that are the same.
    """
    names = [str(name) for name in names]
    if len(names) != num_classes:
        raise ExportError(
            f"`class_names` must name the {num_classes} classes of the model. Received: {len(names)} names."
        )
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ExportError(
            f"`class_names` must differ from each other. Received more than once: {', '.join(repeated)}."
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


def checked_max_pixels(max_pixels, warmup_sizes):
    """Return `max_pixels`.

    Raises:
        ExportError: not a whole number of at least 65,536, or one that a warm-up request exceeds.
    """
    whole = isinstance(max_pixels, int) and not isinstance(max_pixels, bool)
    if not whole or not _LEAST_MAX_PIXELS <= max_pixels < 2**62:
        raise ExportError(
            f"`max_pixels` must be a whole number of at least {_LEAST_MAX_PIXELS}, 256 x 256. "
            f"Received: {max_pixels!r}."
        )
    for height, width in warmup_sizes:
        if height * width > max_pixels:
            raise ExportError(
                f"`warmup_sizes` must be within `max_pixels`, {max_pixels}. Received: {height} x {width} pixels."
            )
    return max_pixels


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
        256 classes and 16-bit beyond. One bad file fails its whole request with INVALID_ARGUMENT; where the
        model has `status`, that output, string `(N,)`, says what is wrong instead, and the file is answered by
        an empty string. Images of more than `max_pixels` together, or without a pixel, fail in all three; NaN and
        infinite values fail too.
    """

    def answer(images):
        probabilities, *gap = segmenter.answer(images)
        labels = tf.argmax(probabilities, axis=-1, output_type=tf.int32)
        found = {"probabilities": probabilities, "labels": labels}
        return {**found, "gap": gap[0]} if gap else found

    def from_files(image_bytes):
        def label_one(image):
            return encode_labels(answer(image[tf.newaxis])["labels"][0], segmenter.num_classes)

        labels, further = answer_files(
            segmenter, image_bytes, label_one, tf.constant(""), tf.TensorSpec((), tf.string)
        )
        return {"labels_png_bytes": labels, **further}

    return image_endpoints(segmenter, answer, from_files)


def image_endpoints(image_model, answer, from_files):
    """Functions to export by signature name, as `endpoints`, for any model of images.

    Args:
        image_model: `ImageModel`.
        answer: Function from float32 images `(batch, height, width, channels)` to a dict of tensors by alias.
        from_files: Function of the argument `image_bytes`, string `(batch,)`, to a dict of tensors by alias.
    """
    shape = (None, *image_model.size, image_model.num_channels)

    def from_floats(images):
        return answer(finite(limited(images, image_model.max_pixels)))

    def from_integers(images):
        return answer(scale_to(limited(images, image_model.max_pixels), image_model.value_range))

    return {
        DEFAULT: (from_floats, [tf.TensorSpec(shape, tf.float32, name="images")]),
        UINT8: (from_integers, [tf.TensorSpec(shape, tf.uint8, name="images")]),
        BYTES: (from_files, [tf.TensorSpec((None,), tf.string, name="image_bytes")]),
    }


def answer_files(image_model, image_bytes, answer_one, nothing, row):
    """Decode files and answer them one by one, after all their headers were found fit.

    Args:
        image_model: `ImageModel`.
        image_bytes: string `(batch,)`.
        answer_one: Function from a float32 image `(height, width, channels)` to a tensor.
        nothing: The answer in place of that of a bad file, where the model has `status`.
        row: `tf.TensorSpec` of an answer.

    Returns:
        Tuple of the answers, `row` by file, and a dict of further outputs: `status` string `(batch,)`, or none.
    """
    with tf.device("cpu:0"):
        headers = _headers(image_model, image_bytes)
    if not image_model.status:
        with tf.device("cpu:0"):
            problems = tf.concat([headers.problem, [""]], 0)
            # The first one; behind the last where there is none.
            worst = tf.argmax(tf.cast(tf.concat([headers.problem != "", [True]], 0), tf.int32))
            good = tf.debugging.Assert(
                tf.reduce_all(headers.problem == ""), ["image_bytes, file", worst + 1, problems[worst]]
            )
            within = within_limit(tf.reduce_sum(headers.pixels), image_model.max_pixels)
        with tf.control_dependencies([good, within]):
            image_bytes = tf.identity(image_bytes)

        def one(values):
            contents, *header = values
            return answer_one(_decoded(image_model, contents, Header(*header)))

        return tf.map_fn(one, (image_bytes, *headers), fn_output_signature=row), {}

    served = tf.where(headers.problem == "", headers.pixels, 0)
    with tf.control_dependencies([within_limit(tf.reduce_sum(served), image_model.max_pixels)]):
        image_bytes = tf.identity(image_bytes)
    with tf.device("cpu:0"):
        damaged = (headers.problem == "") & ~_can_be_decoded(image_bytes, headers)
        status = tf.where(damaged, _DAMAGED, headers.problem)

    def one_with_status(values):
        good, contents, *header = values
        return tf.cond(
            good, lambda: answer_one(_decoded(image_model, contents, Header(*header))), lambda: nothing
        )

    answers = tf.map_fn(one_with_status, (status == "", image_bytes, *headers), fn_output_signature=row)
    return answers, {"status": status}


def _headers(image_model, image_bytes):
    """`Header` of each file, its entries of shape `(batch,)`; the problems are those of this model."""

    def one(contents):
        header = read_header(contents)
        problem = header.problem
        too_large = tf.strings.format(
            f"{{}} pixels; at most {image_model.max_pixels} are served: make the image smaller",
            [header.pixels],
        )
        problem = tf.where((problem == "") & (header.pixels > image_model.max_pixels), too_large, problem)
        if image_model.size != ANY_SIZE:
            turned = header.orientation >= 5
            height = tf.where(turned, header.width, header.height)
            width = tf.where(turned, header.height, header.width)
            told = "image_bytes must hold images {} pixels high and {} wide, got".format(*image_model.size)
            wrong = (height != image_model.size[0]) | (width != image_model.size[1])
            problem = tf.where(
                (problem == "") & wrong, tf.strings.format(told + " {} {}", [height, width]), problem
            )
        return header._replace(problem=problem)

    kinds = Header(tf.int32, tf.int64, tf.int64, tf.int32, tf.int64, tf.string)
    return tf.map_fn(
        one, image_bytes, fn_output_signature=Header(*(tf.TensorSpec((), kind) for kind in kinds))
    )


def _decoded(image_model, contents, header):
    image = decode_image(contents, image_model.num_channels, image_model.value_range, header)
    # The header told the size; the static shape that follows from it is for models of one size.
    image.set_shape((*image_model.size, image_model.num_channels))
    return image


def _can_be_decoded(image_bytes, headers):
    """Whether the pixels of each file with a good header can be decoded, bool `(batch,)`.

    A graph cannot catch the error of a decoder, but a dataset can leave out the element that it fails on. It tries
    the decoder alone, at the price of decoding twice. Its function captures nothing and it is read in one batch, not
    reduced: either would be prepared anew in each request, which took 12 ms.
    """
    count = tf.size(image_bytes)
    is_bmp = headers.kind == BMP
    # The header of a BMP file tells all that can be wrong with it.
    tried = tf.where((headers.problem == "") & ~is_bmp, whole_file(image_bytes, headers), "")
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    decoded = (
        # The last one is good: a batch of nothing would be an error.
        tf.data.Dataset.from_tensor_slices((tf.range(count + 1), tf.concat([tried, [_PIXEL]], 0)))
        .map(lambda index, file: (index, tf.size(tf.io.decode_image(file, 3, expand_animations=False))))
        .ignore_errors()
        .batch(tf.cast(count, tf.int64) + 1)
        .with_options(options)
    )
    indices, sizes = decoded.get_single_element()
    found = tf.scatter_nd(indices[:, tf.newaxis], sizes, [count + 1])
    return (found[:count] > 0) | is_bmp


def size_assertion(found, size, alias):
    """Fail with INVALID_ARGUMENT if `found`, height and width, is not the `size` that files of the input `alias`
    must have."""
    told = f"{alias} must hold images {size[0]} pixels high and {size[1]} wide, got"
    return tf.debugging.Assert(tf.reduce_all(tf.equal(found, size)), [told, found])


def of_size(image, size, alias):
    """Return `image` `(height, width, channels)`, or fail as `size_assertion`."""
    right = size_assertion(tf.shape(image)[:2], size, alias)
    with tf.control_dependencies([right]):
        image = tf.identity(image)
    image.set_shape((*size, image.shape[-1]))
    return image
