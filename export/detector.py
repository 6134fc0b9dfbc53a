"""Export a Keras detector for TensorFlow Serving: boxes out."""

from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from tfapp.errors import reason_of_call
from tfapp.export.archive import write_version
from tfapp.export.batch_trial import check_each_alone, unlike_images
from tfapp.export.detector_graph import Detector, detector_endpoints
from tfapp.export.detector_requests import DetectorRequests, check_found
from tfapp.export.errors import ExportError
from tfapp.export.images import (
    ANY_SIZE,
    MAX_PIXELS,
    ServedImages,
    checked_max_pixels,
    checked_names,
    checked_sizes,
    image_input,
)
from tfapp.export.kinds import DETECTOR
from tfapp.export.requests import check_keras_model, outputs_of, tolerance_of

CORNERS = (
    "Rows y1, x1, y2, x2 in pixels of the image that was sent, y downwards; pixel i reaches from i to i + 1."
)
# What its outputs mean, by alias.
MEANINGS = {
    "boxes": "y1, x1, y2, x2 in pixels of the image that was sent, the likeliest first; zeros behind the last",
    "scores": "how sure each box is, falling from row to row; 0 behind the last",
    "classes": "index of the class of each box in the order of the class names; -1 behind the last",
    "counts": "number of boxes of each image",
}
_TRIAL_SIZE = (65, 97)
_SIZES = ((96, 128), (129, 95))
_FILES = (((96, 128), "png"), ((129, 95), "jpeg"), ((61, 150), "png"))


def export_detector(
    model,
    base_path,
    *,
    class_names,
    version=None,
    value_range=(0.0, 1.0),
    warmup_sizes=None,
    metadata=None,
    extra_examples=None,
    max_pixels=MAX_PIXELS,
    max_images=None,
    status=False,
    formats=(),
):
    """Export `model` to `base_path/<version>/` and return that path.

    The folder is checked and published as `tfapp.export.archive.write_version` says. The requests that it is checked
    with, and of which some are stored, are generated pictures in which the model finds something, as far as it finds
    anything in such pictures; the manifest says how many boxes there were. How answers are compared, and what of near
    ties, says `tfapp.export.comparisons.compare_detections`.

    Signatures (`tfapp.export.detector_graph.detector_endpoints`): `serving_default` float32 images, `serving_uint8`
    0..255 images, `serving_bytes` encoded files, each at its own size; all give `boxes`, `scores`, `classes` and
    `counts`.

    Args:
        model: Keras model from float32 images `(batch, height, width, channels)` of any height and width, or of the
            one size of its input, and 1 or 3 channels to a list of boxes `(batch, rows, 4)`, corners y1, x1, y2, x2 in
            pixels of these images, the likeliest first; scores `(batch, rows)`; classes `(batch, rows)`, integers; and
            counts `(batch,)`, integers, how many rows hold a box. The others hold zeros and the class -1.
        base_path: Folder of the model, which holds one folder per version; made if missing.
        class_names: One str per class, each another, without one for background.
        version: Positive int, or None for the highest existing version plus one.
        value_range: Lowest and highest image value that the model takes.
        warmup_sizes: Image sizes `(height, width)` in pixels to warm the server up for; None is 96 x 128, or the one
            size of the model.
        metadata: Dict of JSON values kept in `assets.extra/export.json`; `git_commit` is shown at its top.
        extra_examples: Images `(height, width, channels)` in `value_range` to compare besides the generated ones;
            they are not stored.
        max_pixels: Most pixels of all images of a request together, at least 65,536; a request beyond it fails with
            INVALID_ARGUMENT before its files are decoded.
        max_images: Most images of a request of arrays, at least 2; None for as many as `max_pixels` allows. A model
            that enlarges images needs memory for the larger ones, however small they are sent. Files are answered one
            by one.
        status: Whether `serving_bytes` has the further output `status`, string `(batch,)`, and answers the good
            files of a request that holds bad ones too: `status` is empty for a good file and says what is wrong with a
            bad one, which has no boxes.
        formats: As of `tfapp.export.export_scorer`; a model whose operations a converter does not have is refused.

    Returns:
        `pathlib.Path` of the version folder.

    Raises:
        ExportError: unusable arguments, a folder that cannot be written, or an artifact that does not answer as the
            model does: other counts or classes, scores beyond 1e-5 (four epsilons of the compute dtype for half
            precision) or corners beyond 100 times that in pixels, 0.001.
    """
    names = _class_names(class_names)
    detector = inspect_detector(model, len(names), value_range)
    sizes = _warmup_sizes(warmup_sizes, detector.size)
    detector = replace(
        detector,
        max_pixels=checked_max_pixels(max_pixels, sizes),
        max_images=_checked_max_images(max_images),
        status=bool(status),
    )
    makes = DetectorRequests(detector)
    size = detector.size
    stored = makes.stored(_SIZES if size == ANY_SIZE else (size,), _files(size), batch=2)
    further = makes.examples(extra_examples if extra_examples is not None else ())
    served = ServedDetector(detector, names, sizes, (), makes, stored, further)
    return write_version(served, base_path, version, metadata, formats)


@dataclass(frozen=True)
class ServedDetector(ServedImages):
    """A `Detector` with what its export was asked for.

    Attributes, besides those of `ServedImages`:
        makes: `DetectorRequests`.
        stored: The requests that go with the artifact.
        further: Requests that are compared and not stored.
    """

    makes: DetectorRequests
    stored: list
    further: list
    kind = DETECTOR
    meanings = MEANINGS

    @property
    def requests(self):
        return self.makes

    def endpoints(self):
        return detector_endpoints(self.image_model)

    def stored_requests(self):
        return self.stored

    def further_requests(self):
        return self.further

    def facts(self):
        return {
            **super().facts(),
            "rows": self.image_model.rows,
            "corners": CORNERS,
            "max_images": self.image_model.max_images,
            "stored_boxes": _boxes_of(self.stored),
            "compared_boxes": _boxes_of([*self.stored, *self.further]),
        }


def _files(size):
    return _FILES if size == ANY_SIZE else ((size, "png"), (size, "jpeg"))


def _boxes_of(requests):
    return sum(int(request.expected["counts"].sum()) for request in requests)


def _class_names(names):
    if names is None or not len(names):
        raise ExportError(
            "`class_names` must name the classes of the model, or `classes` have no meaning. "
            f"Received: {names!r}."
        )
    return checked_names(names, len(names))


def _checked_max_images(count):
    whole = isinstance(count, int) and not isinstance(count, bool)
    if count is not None and not (whole and 2 <= count < 2**31):
        raise ExportError(f"`max_images` must be a whole number of at least 2, or None. Received: {count!r}.")
    return count


def _warmup_sizes(sizes, only):
    if only == ANY_SIZE:
        return checked_sizes((_SIZES[0],) if sizes is None else sizes)
    sizes = checked_sizes((only,) if sizes is None else sizes)
    other = next((size for size in sizes if size != only), None)
    if other is not None:
        raise ExportError(
            f"`warmup_sizes` must be {only}, the one size that `model` takes. Received: {other!r}."
        )
    return sizes


def inspect_detector(model, num_classes, value_range=(0.0, 1.0)):
    """Try `model` on two images and return it as a `Detector`.

    Args:
        model: As of `export_detector`.
        num_classes: Of its class names.
        value_range: Lowest and highest image value that the model takes.

    Raises:
        ExportError: not a Keras model on the TensorFlow backend; a model that takes proposals too; `value_range`
            unusable; images of which one side only is fixed; output that is no list of boxes in pixels of the images.
    """
    check_keras_model(model)
    if len(getattr(model, "inputs", None) or [None]) > 1:
        raise ExportError(
            "`model` must take images alone, and find its proposals itself. "
            f"Received: inputs {', '.join(tensor.name for tensor in model.inputs)}."
        )
    given = image_input(model, value_range)
    if given["size"] != ANY_SIZE and None in given["size"]:
        raise ExportError(
            "`model` must take images of any height and width, or of one size. "
            f"Received: input shape {model.input_shape}."
        )
    tolerance = tolerance_of(model)
    trial = Detector(model=model, **given, num_classes=num_classes, tolerance=tolerance, rows=0)
    return replace(trial, rows=_try(trial))


def _try(detector):
    size = _TRIAL_SIZE if detector.size == ANY_SIZE else detector.size
    images = unlike_images(size, detector.num_channels, detector.value_range)
    told = f"{len(images)} images of {size[0]}x{size[1]}"
    try:
        with tf.device("cpu:0"):
            outputs = [output.numpy() for output in outputs_of(detector.model, images)]
    except Exception as error:
        raise ExportError(
            f"`model` failed on {told} ({reason_of_call(error)}); a model of one size must say so, "
            "keras.Input((height, width, channels))."
        ) from error
    shapes, kinds = [output.shape for output in outputs], [output.dtype.kind for output in outputs]
    rows = shapes[0][1] if shapes and len(shapes[0]) == 3 else 0
    batch = len(images)
    if not rows or shapes != [(batch, rows, 4), (batch, rows), (batch, rows), (batch,)]:
        raise ExportError(
            "`model` must give boxes (batch, rows, 4), scores (batch, rows), classes (batch, rows) and counts "
            f"(batch,), a list in this order. Received: {shapes} for {told}."
        )
    if any(kind not in "iu" for kind in kinds[2:]):
        raise ExportError(
            "Classes and counts of `model` must be integers. "
            f"Received: {outputs[2].dtype.name} and {outputs[3].dtype.name}."
        )

    def scores_of(some):
        """Scores by row, the least one behind the last: one box more or less, at the threshold, changes little."""
        with tf.device("cpu:0"):
            found = {alias: value.numpy() for alias, value in detector.answer(some).items()}
        check_found(found, some, detector.num_classes)
        there = np.arange(found["scores"].shape[1]) < found["counts"][:, None]
        least = np.where(there, found["scores"], np.inf).min(-1, initial=np.inf)
        return np.where(there, found["scores"], np.where(np.isfinite(least), least, 0.0)[:, None])

    check_each_alone(scores_of, images)
    return rows
