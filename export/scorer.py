"""Export a Keras image classifier for TensorFlow Serving: scores out."""

from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from tfapp.errors import reason_of_call
from tfapp.export.archive import write_version
from tfapp.export.batch_trial import check_each_alone, unlike_images
from tfapp.export.calibration import Calibration
from tfapp.export.errors import ExportError
from tfapp.export.image_requests import ImageRequests
from tfapp.export.images import (
    ANY_SIZE,
    MAX_PIXELS,
    ImageModel,
    ServedImages,
    answer_files,
    checked_max_pixels,
    checked_names,
    checked_sizes,
    image_endpoints,
    image_input,
)
from tfapp.export.kinds import SCORER
from tfapp.export.requests import outputs_of, tolerance_of

# What its outputs mean, by alias.
MEANINGS = {
    "scores": "score of each class in the order of the class names, any finite number; of one-versus-rest SVMs, an "
    "image with several classes shows each whose score is above 0",
    "labels": "index of the class of the largest score",
    "probabilities": "calibrated probability of each class, 0 to 1",
    "top_labels": "indices of the likeliest classes, the likeliest first",
    "top_probabilities": "their probabilities",
}
# Classes of `top_labels`, or all if there are fewer.
TOP = 5
# The size at which a model of any size is tried: odd, so that it must take what users send.
_TRIAL_SIZE = (33, 47)
_TRIAL_COUNT = 2
_SIZES = ((32, 32), (33, 47))
_FILES = (((33, 47), "png"), ((64, 20), "jpeg"), ((48, 49), "png"))


def export_scorer(
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
    status=False,
    formats=(),
    calibration=None,
):
    """Export `model` to `base_path/<version>/` and return that path.

    The folder is checked and published as `tfapp.export.archive.write_version` says.

    Signatures (`tfapp.export.scorer.scorer_endpoints`): `serving_default` float32 images, `serving_uint8`
    0..255 images, `serving_bytes` encoded files, each at its own size; all give `scores` and `labels`.

    Args:
        model: Keras model from float32 images `(batch, height, width, channels)` of any height and width, or of the
            one size of its input, and 1 or 3 channels to scores `(batch, classes)`, any finite numbers. Files are
            never resized for it: a model of one size refuses others, one that begins with keras.layers.Resizing
            takes all.
        base_path: Folder of the model, which holds one folder per version; made if missing.
        class_names: One str per class, each another.
        version: Positive int, or None for the highest existing version plus one.
        value_range: Lowest and highest image value that the model takes.
        warmup_sizes: Image sizes `(height, width)` in pixels to warm the server up for; None is 64 x 64, or the one
            size of the model.
        metadata: Dict of JSON values kept in `assets.extra/export.json`; `git_commit` is shown at its top.
        extra_examples: Images `(height, width, channels)` in `value_range` to compare besides the generated ones;
            they are not stored.
        max_pixels: Most pixels of all images of a request together, at least 65,536; a request beyond it fails
            with INVALID_ARGUMENT before its files are decoded.
        status: Whether `serving_bytes` has the further output `status`, string `(batch,)`, and answers the good
            files of a request that holds bad ones too: `status` is empty for a good file and says what is wrong
            with a bad one, whose scores are 0 and whose label is -1.
        formats: Files to write besides for other engines, into `assets.extra`: `"onnx"` makes `model.onnx`, `"tflite"`
            `model.tflite` and `model-dynamic.tflite`, whose weights are of 8 bits. The labels of the first two must be
            those of the model, of the third `export.json` tells the share.
        calibration: `tfapp.export.Calibration` from scores to probabilities; with it all signatures give
            `probabilities`, and `top_labels` and `top_probabilities` of the five likeliest classes, too.

    Returns:
        `pathlib.Path` of the version folder.

    Raises:
        ExportError: unusable arguments, a folder that cannot be written, or an artifact that does not answer as the
            model does: differences of scores beyond 1e-5 (four epsilons of the compute dtype for half precision),
            times the largest score of the stored requests if that is more than 1.
    """
    scorer = inspect_scorer(model, value_range)
    names, sizes = _class_names(class_names, scorer.num_classes), _warmup_sizes(warmup_sizes, scorer.size)
    if calibration is not None:
        calibration.check(scorer.num_classes)
    scorer = replace(
        scorer,
        max_pixels=checked_max_pixels(max_pixels, sizes),
        status=bool(status),
        calibration=calibration,
    )
    stored = stored_scorer_requests(scorer)
    # A float32 number is known to a share of itself, and scores have any size.
    scorer = replace(scorer, tolerance=scorer.tolerance * max(1.0, largest_score(stored)))
    examples = extra_examples if extra_examples is not None else ()
    served = ServedScorer(scorer, names, sizes, examples, stored)
    return write_version(served, base_path, version, metadata, formats)


@dataclass(frozen=True)
class ServedScorer(ServedImages):
    """A `Scorer` with what its export was asked for.

    Attributes, besides those of `ServedImages`:
        stored: The requests that go with the artifact.
    """

    stored: list
    kind = SCORER
    meanings = MEANINGS

    @property
    def requests(self):
        return ScorerRequests(self.image_model)

    def endpoints(self):
        return scorer_endpoints(self.image_model)

    def stored_requests(self):
        return self.stored


def _class_names(names, num_classes):
    if names is None:
        raise ExportError(
            f"`class_names` must name the {num_classes} classes of the model, or scores have no meaning. "
            "Received: None."
        )
    return checked_names(names, num_classes)


def _warmup_sizes(sizes, only):
    if only == ANY_SIZE:
        return checked_sizes(((64, 64),) if sizes is None else sizes)
    sizes = checked_sizes((only,) if sizes is None else sizes)
    other = next((size for size in sizes if size != only), None)
    if other is not None:
        raise ExportError(
            f"`warmup_sizes` must be {only}, the one size that `model` takes. Received: {other!r}."
        )
    return sizes


@dataclass(frozen=True, kw_only=True)
class Scorer(ImageModel):
    """A Keras model from images of any size, or of one, to scores `(batch, classes)`, any finite numbers.

    Attributes, besides those of `ImageModel`:
        calibration: `Calibration`, or None.
    """

    calibration: Calibration | None = None

    def labelled(self, scores):
        """Return all outputs of scores `(batch, classes)` by alias."""
        found = {"scores": scores, "labels": tf.argmax(scores, axis=-1, output_type=tf.int32)}
        if self.calibration is None:
            return found
        return found | self.calibration.answer(scores, min(TOP, self.num_classes))

    def answer(self, images):
        """Return the scores of float32 `images`, float32 `(batch, classes)`."""
        [scores] = outputs_of(self.model, images)
        return tf.cast(scores, tf.float32)


def inspect_scorer(model, value_range=(0.0, 1.0)):
    """Try `model` on two images and return it as a `Scorer`.

    Raises:
        ExportError: not a Keras model on the TensorFlow backend; `value_range` unusable; images of which one side
            only is fixed; output that is not one finite score for each of two classes or more.
    """
    given = image_input(model, value_range)
    if given["size"] != ANY_SIZE and None in given["size"]:
        raise ExportError(
            "`model` must take images of any height and width, or of one size. "
            f"Received: input shape {model.input_shape}."
        )
    trial = Scorer(model=model, **given, num_classes=0, tolerance=tolerance_of(model))
    return replace(trial, num_classes=_try(trial))


def check_finite(scores, images):
    """Raise ExportError if one of the `scores` of `images` is not a finite number."""
    wrong = np.count_nonzero(~np.isfinite(scores))
    if wrong:
        raise ExportError(
            "`model` must give finite scores. "
            f"Received: {wrong} of {scores.size} that are not, for {_described(images)}."
        )


def _try(scorer):
    height, width = _TRIAL_SIZE if scorer.size == ANY_SIZE else scorer.size
    shape = (_TRIAL_COUNT, height, width, scorer.num_channels)
    images = np.random.default_rng(0).uniform(*scorer.value_range, shape).astype(np.float32)
    try:
        with tf.device("cpu:0"):
            outputs = [output.numpy() for output in outputs_of(scorer.model, images)]
    except Exception as error:
        raise ExportError(
            f"`model` failed on {_described(images)} ({reason_of_call(error)}); a model of one size must say so, "
            "keras.Input((height, width, channels)), or begin with keras.layers.Resizing."
        ) from error
    scores = _checked_scores(outputs, images)

    def answer(some):
        with tf.device("cpu:0"):
            return tf.cast(outputs_of(scorer.model, some)[0], tf.float32).numpy()

    check_each_alone(answer, unlike_images((height, width), scorer.num_channels, scorer.value_range))
    return scores.shape[1]


def _checked_scores(outputs, images):
    shapes = [output.shape for output in outputs]
    if len(shapes) != 1 or len(shapes[0]) != 2 or shapes[0][0] != _TRIAL_COUNT:
        raise ExportError(
            "`model` must give scores (batch, classes) and nothing else. "
            f"Received: {shapes} for {_described(images)}."
        )
    [scores] = outputs
    if scores.shape[1] < 2:
        raise ExportError(
            f"`model` must give scores of two classes or more. Received: {scores.shape[1]}; "
            "of one score s, give -s and s."
        )
    check_finite(scores.astype(np.float32), images)
    return scores


def _described(images):
    count, height, width, _ = images.shape
    return f"{count} image{'s' if count > 1 else ''} of {height}x{width}"


def scorer_endpoints(scorer):
    """Functions to export by signature name.

    Args:
        scorer: `Scorer`, with N images of H x W x C and K classes.

    Returns:
        Dict of `(function, input signature)`:
        `serving_default`: `images` float32 `(N, H, W, C)` in the model's value range to `scores` float32 `(N, K)`
        and `labels` int32 `(N,)`, the class of the largest score, and with a calibration `probabilities` float32
        `(N, K)`, `top_labels` int32 and `top_probabilities` float32 `(N, T)` of the T likeliest classes;
        `serving_uint8`: `images` uint8 `(N, H, W, C)` in 0..255, scaled in the graph, to the same;
        `serving_bytes`: `image_bytes` string `(N,)`, files of which each has its own size unless the model takes
        one only, to the same. One bad file fails its whole request with INVALID_ARGUMENT, unless
        the scorer has `status`.
    """

    def answer(images):
        return scorer.labelled(scorer.answer(images))

    def from_files(image_bytes):
        row = tf.TensorSpec((scorer.num_classes,), tf.float32)
        scores, further = answer_files(
            scorer, image_bytes, lambda image: scorer.answer(image[tf.newaxis])[0], tf.zeros(row.shape), row
        )
        found = scorer.labelled(scores)
        if further:
            good = further["status"] == ""
            for alias in ("labels", "top_labels"):
                if alias in found:
                    found[alias] = _where(good, found[alias], -1)
            for alias in ("probabilities", "top_probabilities"):
                if alias in found:
                    found[alias] = _where(good, found[alias], 0.0)
        return {**found, **further}

    return image_endpoints(scorer, answer, from_files)


def _where(good, values, otherwise):
    """Return the values of good files, and `otherwise` in place of those of bad ones."""
    good = tf.reshape(good, [-1] + [1] * (len(values.shape) - 1))
    return tf.where(good, values, tf.constant(otherwise, values.dtype))


def stored_scorer_requests(scorer):
    """The requests that go with the artifact: two images at a time of two sizes, and three files of different
    sizes in one call; or all of the one size that the model takes."""
    requests = ScorerRequests(scorer)
    if scorer.size == ANY_SIZE:
        return requests.stored(_SIZES, _FILES, batch=2)
    return requests.stored((scorer.size,), ((scorer.size, "png"), (scorer.size, "jpeg")), batch=2)


class ScorerRequests(ImageRequests):
    """Makes requests of a `Scorer`."""

    def answer(self, images):
        with tf.device("cpu:0"):
            scores = self.image_model.answer(images)
            found = {alias: output.numpy() for alias, output in self.image_model.labelled(scores).items()}
        check_finite(found["scores"], images)
        return found

    def answer_files(self, files):
        answers = [self.answer(self.decoded(contents)) for contents in files]
        return {alias: np.concatenate([answer[alias] for answer in answers]) for alias in answers[0]}


def largest_score(requests):
    """The largest absolute score that `requests` expect."""
    return max(float(np.abs(request.expected["scores"]).max()) for request in requests)
