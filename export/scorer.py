"""A Keras model seen as a scorer: images in, one score for each class out, its limits checked first."""

from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from tfapp.export.errors import ExportError, reason_of
from tfapp.export.image_model import ANY_SIZE, ImageModel, image_input
from tfapp.export.keras_model import outputs_of, tolerance_of

# The size at which a model of any size is tried: odd, so that it must take what users send.
_TRIAL_SIZE = (33, 47)
_TRIAL_COUNT = 2


@dataclass(frozen=True, kw_only=True)
class Scorer(ImageModel):
    """A Keras model from images of any size, or of one, to scores `(batch, classes)`, any finite numbers."""

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
            f"`model` failed on {_described(images)} ({reason_of(error)}); a model of one size must say so, "
            "keras.Input((height, width, channels)), or begin with keras.layers.Resizing."
        ) from error
    return _checked_scores(outputs, images).shape[1]


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
