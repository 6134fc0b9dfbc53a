"""The functions of an exported detector, from images and files to boxes."""

from dataclasses import dataclass

import tensorflow as tf

from tfapp.export.images import ImageModel, answer_files, image_endpoints
from tfapp.export.requests import outputs_of


@dataclass(frozen=True, kw_only=True)
class Detector(ImageModel):
    """A Keras model from images of any size, or of one, to boxes.

    Attributes, besides those of `ImageModel`:
        rows: Boxes of an image, at most.
        max_images: Images of a request of arrays, at most; or None.
    """

    rows: int
    max_images: int | None = None

    def answer(self, images):
        """Return what is found in float32 `images`: dict of `boxes` float32 `(batch, rows, 4)`, `scores` float32
        `(batch, rows)`, `classes` int32 `(batch, rows)` and `counts` int32 `(batch,)`."""
        boxes, scores, classes, counts = outputs_of(self.model, images)
        return {
            "boxes": tf.cast(boxes, tf.float32),
            "scores": tf.cast(scores, tf.float32),
            "classes": tf.cast(classes, tf.int32),
            "counts": tf.cast(counts, tf.int32),
        }


def detector_endpoints(detector):
    """Functions to export by signature name.

    Args:
        detector: `Detector`, with N images of H x W x C and R rows.

    Returns:
        Dict of `(function, input signature)`:
        `serving_default`: `images` float32 `(N, H, W, C)` in the model's value range to `boxes` float32 `(N, R, 4)`,
        `scores` float32 `(N, R)`, `classes` int32 `(N, R)` and `counts` int32 `(N,)`;
        `serving_uint8`: `images` uint8 `(N, H, W, C)` in 0..255, scaled in the graph, to the same;
        `serving_bytes`: `image_bytes` string `(N,)`, files of which each has its own size unless the model takes one
        only, to the same; boxes are in pixels of each. One bad file fails its whole request with INVALID_ARGUMENT,
        unless the detector has `status`.
    """
    rows = detector.rows
    shapes = {"boxes": (rows, 4), "scores": (rows,), "classes": (rows,), "counts": ()}

    def answer(images):
        found = detector.answer(images)
        # Static shapes, so that signatures promise as many rows as there are.
        return {alias: tf.ensure_shape(found[alias], (None, *shape)) for alias, shape in shapes.items()}

    def from_files(image_bytes):
        row = {
            alias: tf.TensorSpec(shape, tf.int32 if alias in ("classes", "counts") else tf.float32)
            for alias, shape in shapes.items()
        }
        nothing = {
            alias: tf.fill(spec.shape, tf.constant(-1 if alias == "classes" else 0, spec.dtype))
            for alias, spec in row.items()
        }
        found, further = answer_files(
            detector,
            image_bytes,
            lambda image: {alias: value[0] for alias, value in answer(image[tf.newaxis]).items()},
            nothing,
            row,
        )
        return {**found, **further}

    def from_arrays(images):
        return answer(as_many(images, detector.max_images))

    return image_endpoints(detector, from_arrays, from_files)


def as_many(images, max_images):
    """Return `images` `(batch, height, width, channels)`, or fail with INVALID_ARGUMENT if they are more than that."""
    if max_images is None:
        return images
    count = tf.shape(images)[0]
    told = f"a request may hold at most {max_images} images, as each needs the memory of a large one; send fewer. Got"
    with tf.control_dependencies([tf.debugging.Assert(count <= max_images, [told, count])]):
        return tf.identity(images)
