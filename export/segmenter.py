"""Export a Keras segmenter for TensorFlow Serving."""

from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from tfapp.errors import reason_of_call
from tfapp.export.archive import write_version
from tfapp.export.batch_trial import check_each_alone, unlike_images
from tfapp.export.errors import ExportError
from tfapp.export.image_files import encode_labels
from tfapp.export.image_requests import ImageRequests
from tfapp.export.images import (
    ANY_SIZE,
    MAX_PIXELS,
    ImageModel,
    ServedImages,
    checked_max_pixels,
    checked_names,
    checked_sizes,
    endpoints,
    image_input,
)
from tfapp.export.kinds import SEGMENTER
from tfapp.export.requests import decided, outputs_of, tolerance_of
from tfapp.layers import CropLike, PadToStride
from tfapp.layers.placement import misplacement

# What its outputs mean, by alias.
MEANINGS = {
    "probabilities": "class probabilities, float32, add up to 1 over the last axis",
    "labels": "index of the most probable class",
    "gap": "certificate of the TV head, per image: its energy is at most this far above the minimum, per pixel",
    "labels_png_bytes": "PNG of the most probable class of each pixel, at the size of its image",
}
# The size at which a model is tried: odd, so that a stride that is not handled shows.
_TRIAL_SIZE = (33, 47)
# Two sides, as a crop to one of them covers that.
_PLACEMENT_SIZE = (64, 96)
_FILES = (((33, 47), "png"), ((64, 20), "jpeg"), ((48, 49), "png"))


def export(
    model,
    base_path,
    *,
    version=None,
    class_names=None,
    stride=1,
    value_range=(0.0, 1.0),
    warmup_sizes=((64, 64),),
    metadata=None,
    extra_examples=None,
    max_pixels=MAX_PIXELS,
    status=False,
    formats=(),
):
    """Export `model` to `base_path/<version>/` and return that path.

    The folder is checked and published as `tfapp.export.archive.write_version` says.

    Signatures (`tfapp.export.images.endpoints`): `serving_default` float32 images, `serving_uint8`
    0..255 images, `serving_bytes` encoded files, each at its own size. Custom gradients are not exported.

    Args:
        model: Keras model from float32 images `(batch, height, width, channels)` of any height and width
            and 1 or 3 channels to class probabilities `(batch, height, width, classes)`, or to
            `[probabilities, gap]` as `tfapp.layers.with_gap` makes it: `serving_default` and `serving_uint8`
            then have the further output `gap`, float32 `(batch,)`.
        base_path: Folder of the model, which holds one folder per version; made if missing.
        version: Positive int, or None for the highest existing version plus one.
        class_names: One str per class, or None.
        stride: Height and width are padded inside the graph to multiples of it and the answer is cropped
            back; 1 if the model takes any size by itself.
        value_range: Lowest and highest image value that the model takes.
        warmup_sizes: Image sizes `(height, width)` in pixels to warm the server up for.
        metadata: Dict of JSON values kept in `assets.extra/export.json`; `git_commit` is shown at its top.
        extra_examples: Images `(height, width, channels)` in `value_range` to compare besides the
            generated ones; they are not stored.
        max_pixels: Most pixels of all images of a request together, at least 65,536; a request beyond it fails
            with INVALID_ARGUMENT before its files are decoded.
        status: Whether `serving_bytes` has the further output `status`, string `(batch,)`, and answers the good
            files of a request that holds bad ones too: `status` is empty for a good file and says what is wrong
            with a bad one, whose label image is an empty string.
        formats: Files to write besides for other engines, into `assets.extra`: `"onnx"` makes `model.onnx`, `"tflite"`
            `model.tflite` and `model-dynamic.tflite`, whose weights are of 8 bits. The labels of the first two must be
            those of the model, of the third `export.json` tells the share.

    Returns:
        `pathlib.Path` of the version folder.

    Raises:
        ExportError: unusable arguments, a folder that cannot be written, or an artifact that does not
            answer as the model does (differences of probabilities beyond 1e-5, or four epsilons of the
            compute dtype for half precision).
    """
    sizes = checked_sizes(warmup_sizes)
    segmenter = replace(
        inspect_model(model, stride, value_range),
        max_pixels=checked_max_pixels(max_pixels, sizes),
        status=bool(status),
    )
    served = ServedSegmenter(
        segmenter,
        None if class_names is None else checked_names(class_names, segmenter.num_classes),
        sizes,
        extra_examples if extra_examples is not None else (),
    )
    return write_version(served, base_path, version, metadata, formats)


class ServedSegmenter(ServedImages):
    """A `Segmenter` with what its export was asked for."""

    kind = SEGMENTER
    meanings = MEANINGS

    @property
    def requests(self):
        return SegmenterRequests(self.image_model)

    def endpoints(self):
        return endpoints(self.image_model)

    def stored_requests(self):
        return stored_requests(self.image_model)

    def facts(self):
        stride = self.image_model.stride
        return {**super().facts(), "padding": {"stride": stride, "rule": _padding_rule(stride)}}


def _padding_rule(stride):
    if stride == 1:
        return "images enter the model at their own size"
    return (
        f"height and width are padded inside the graph, on both sides alike, to multiples of {stride} by "
        "mirroring with the edge, and the answer is cropped back"
    )


@dataclass(frozen=True, kw_only=True)
class Segmenter(ImageModel):
    """A Keras model from images of any size to class probabilities `(batch, height, width, classes)`, or to these
    and a gap `(batch,)`.

    Attributes, besides those of every `ImageModel`:
        stride: Height and width are padded to multiples of it; 1 leaves images alone.
        has_gap: Whether the model gives the duality gap of a TV head.
    """

    stride: int
    has_gap: bool = False

    def answer(self, images):
        """Return what the model says of float32 `images`, each float32.

        Returns:
            List of class probabilities `(batch, height, width, classes)` and, where the model gives it, the
            duality gap per pixel `(batch,)`.
        """
        padded = images if self.stride == 1 else PadToStride(self.stride)(images)
        probabilities, *gap = outputs_of(self.model, padded)
        if self.stride != 1:
            probabilities = CropLike()([probabilities, images])
        return [tf.cast(output, tf.float32) for output in (probabilities, *gap)]


def inspect_model(model, stride=1, value_range=(0.0, 1.0)):
    """Try `model` on one image and return it as a `Segmenter`.

    Raises:
        ExportError: not a Keras model on the TensorFlow backend; `stride` or `value_range` unusable;
            fixed image size; output that is not one probability per class and pixel, not where the image has it, or
            another one beside other images.
    """
    given = image_input(model, value_range)
    if isinstance(stride, bool) or not isinstance(stride, int) or stride < 1:
        raise ExportError(f"`stride` must be a positive integer. Received: stride={stride!r}.")
    if given["size"] != ANY_SIZE:
        raise ExportError(
            f"`model` must take images of any height and width. Received: input shape {model.input_shape}; "
            "build it with keras.Input((None, None, channels))."
        )
    trial = Segmenter(model=model, **given, num_classes=0, stride=stride, tolerance=tolerance_of(model))
    num_classes, num_outputs = _try(trial)
    _check_placement(trial)
    check_each_alone(
        lambda images: keras_answer(trial, images)[0],
        unlike_images(_TRIAL_SIZE, trial.num_channels, value_range),
    )
    return replace(trial, num_classes=num_classes, has_gap=num_outputs == 2)


def _try(segmenter):
    low, high = segmenter.value_range
    values = np.random.default_rng(0).uniform(low, high, (1, *_TRIAL_SIZE, segmenter.num_channels))
    try:
        with tf.device("cpu:0"):
            outputs, *others = segmenter.answer(values.astype(np.float32))
            outputs = outputs.numpy()
    except Exception as error:
        size = "x".join(map(str, _TRIAL_SIZE))
        raise ExportError(
            f"`model` failed on a {size} image with stride={segmenter.stride} ({reason_of_call(error)}); "
            "if it needs a multiple of some size, give that as `stride`."
        ) from error
    if outputs.ndim != 4 or outputs.shape[:3] != (1, *_TRIAL_SIZE) or outputs.shape[3] < 2:
        raise ExportError(
            "`model` must give (batch, height, width, classes) at the size of its input with two classes "
            f"or more. Received: {outputs.shape} for an input of {values.shape}."
        )
    if len(others) > 1 or any(other.shape != (1,) for other in others):
        raise ExportError(
            "`model` must give probabilities, or these and one gap (batch,). "
            f"Received: further outputs of shapes {[tuple(other.shape) for other in others]} for one image."
        )
    # 1e-2 leaves room for float16 and bfloat16 soft-max.
    if not np.allclose(outputs.sum(-1), 1.0, atol=1e-2) or outputs.min() < -1e-2:
        raise ExportError(
            "`model` must give probabilities, that add up to 1 at every pixel. "
            f"Received: sums from {outputs.sum(-1).min():.3g} to {outputs.sum(-1).max():.3g}; "
            "end it in a soft-max."
        )
    return outputs.shape[3], 1 + len(others)


def _check_placement(segmenter):
    """Raise ExportError if the answer lies elsewhere than where the image has it, as of a crop that is enlarged."""
    low, high = segmenter.value_range

    def answer(images):
        with tf.device("cpu:0"):
            return segmenter.answer(low + (high - low) * images)[0].numpy()

    finding = misplacement(answer, _PLACEMENT_SIZE, segmenter.num_channels)
    if finding:
        raise ExportError(
            f"`model` must answer each pixel of its image where that is. Received: a model that {finding}."
        )


def stored_requests(segmenter):
    """The requests that go with the artifact: a size that fits the stride, one that does not, and
    three files of different sizes in one call."""
    fitting = -(-32 // segmenter.stride) * segmenter.stride
    sizes = ((fitting, fitting), (fitting + 1, fitting + 15))
    return SegmenterRequests(segmenter).stored(sizes, _FILES)


class SegmenterRequests(ImageRequests):
    """Makes requests of a `Segmenter`."""

    def answer(self, images):
        probabilities, *gap = keras_answer(self.image_model, images)
        answer = {"probabilities": probabilities, "labels": probabilities.argmax(-1).astype(np.int32)}
        return {**answer, "gap": gap[0]} if gap else answer

    def answer_files(self, files):
        segmenter, labels, masks = self.image_model, [], []
        for contents in files:
            probabilities = keras_answer(segmenter, self.decoded(contents))[0][0]
            labels.append(encode_labels(probabilities.argmax(-1), segmenter.num_classes).numpy())
            masks.append(encode_labels(decided(probabilities, segmenter.tolerance), 2).numpy())
        return {"labels_png_bytes": np.array(labels, "S"), "decided_png_bytes": np.array(masks, "S")}


def keras_answer(segmenter, images):
    """What the Keras model says, float32: a list of probabilities and, where it gives it, the gap.

    Padding and cropping are NumPy's, not the endpoint's.
    """
    height, width = images.shape[1:3]
    missing = [-size % segmenter.stride for size in (height, width)]
    margins = [(lack // 2, lack - lack // 2) for lack in missing]
    padded = np.pad(images, [(0, 0), *margins, (0, 0)], mode="symmetric")
    top, left = (before for before, _ in margins)
    with tf.device("cpu:0"):
        outputs = outputs_of(segmenter.model, padded)
    probabilities, *gap = (tf.cast(output, tf.float32).numpy() for output in outputs)
    return [probabilities[:, top : top + height, left : left + width], *gap]
