"""Probabilities of a trained network: its own, of converged total variation, or nearest to a regression."""

import math

import keras
import tensorflow as tf

from tfapp.errors import InputError
from tfapp.layers import regularise, with_gap
from tfapp.layers.tv.attach import UnclearOutput, ends_in_tv_layer, model_logits
from tfapp.layers.tv.trial import MisreadOutput

# Converged, whatever the weight: a fixed number of iterations that does for lambda = 1 is too few for 4.
POST_TV = {"tolerance": 1e-3, "inference_iterations": 500}


def with_probabilities(model, source, post_tv=None, *, gap=False, output="auto"):
    """Return a model that ends in probabilities, on the variables of a trained one.

    Args:
        model: Keras model from images to logits or probabilities.
        source: Path of the model, for messages.
        post_tv: Weight >= 0 of converged total variation to put behind its logits, or None for its own end. It
            stops at a duality gap of 1e-3 per pixel.
        gap: Whether to return `[probabilities, gap]` with the duality gap per pixel, `(batch,)`.
        output: What the model gives: `logits`, `probabilities`, or `auto` to tell by its structure.

    Raises:
        InputError: For a TV weight behind a TV head, a gap without one, or a model that does not fit.
    """
    if post_tv is not None and not (math.isfinite(post_tv) and post_tv >= 0):
        raise InputError(f"`post_tv` must be a number of at least 0; got {post_tv}.")
    regular = ends_in_tv_layer(model)
    if regular and post_tv is not None:
        raise InputError(f"`post_tv` is for models without a TV head; {source} has one.")
    if gap and not regular and post_tv is None:
        raise InputError(
            f"`gap` is the certificate of a TV head and {source} has none; add `post_tv` 1, or train it with "
            "`head` tv-softmax."
        )
    try:
        if regular:
            return with_gap(model) if gap else model
        if post_tv is not None:
            return regularise(model, post_tv, output=output, return_gap=gap, **POST_TV)
        inputs, logits, activation = model_logits(model, output)
    except UnclearOutput:
        raise InputError(
            f"The last layers of {source} do not tell whether it gives logits or probabilities; say it by "
            "`model_output` logits or `model_output` probabilities."
        ) from None
    except MisreadOutput as error:
        way_out = "probabilities" if error.are_probabilities else "logits, if that is what it gives"
        raise InputError(
            f"{source} {error.finding}; say what it gives by `model_output` {way_out}."
        ) from None
    except ValueError as error:
        raise InputError(f"{source} cannot be used as a segmenter: {error}.") from error
    probabilities = keras.layers.Activation(activation, dtype="float32")(logits)
    return keras.Model(inputs, probabilities, name=model.name)


@keras.saving.register_keras_serializable(package="tfapp")
class OneHotMeanSquaredError(keras.losses.Loss):
    """Mean over the classes of (output - one-hot label)^2, at every pixel.

    Of probabilities it is the Brier score (G. W. Brier, "Verification of forecasts expressed in terms of
    probability", Monthly Weather Review 78(1), 1950) divided by the number of classes.

    Call arguments:
        y_true: Integer labels `(batch, height, width)`.
        y_pred: `(batch, height, width, classes)`.
        sample_weight: Pixel weights `(batch, height, width)`, or None.
    """

    def call(self, y_true, y_pred):
        one_hot = tf.one_hot(tf.cast(y_true, tf.int32), y_pred.shape[-1], dtype=y_pred.dtype)
        return tf.reduce_mean(tf.square(y_pred - one_hot), axis=-1)


@keras.saving.register_keras_serializable(package="tfapp")
class LabelImageMeanSquaredError(keras.losses.Loss):
    """(output - label)^2 at every pixel, of one output channel: the regression of an image whose values are labels.

    Of two classes it is that of `OneHotMeanSquaredError` for the outputs (1 - v, v).

    Call arguments:
        y_true: Integer labels `(batch, height, width)`, 0 or 1.
        y_pred: `(batch, height, width, 1)`.
        sample_weight: Pixel weights `(batch, height, width)`, or None.
    """

    def call(self, y_true, y_pred):
        return tf.square(y_pred[..., 0] - tf.cast(y_true, y_pred.dtype))


@keras.saving.register_keras_serializable(package="tfapp")
def label_image_accuracy(y_true, y_pred):
    """Return 1 where a regressed label image `(batch, height, width, 1)` is nearer to its label than to the other."""
    return tf.cast(tf.equal(y_pred[..., 0] > 0.5, tf.cast(y_true, tf.int32) == 1), tf.float32)


def as_class_maps(values):
    """Return a regressed label image v, (..., 1), as the numbers (1 - v, v) of two classes; others as they are."""
    return tf.concat([1 - values, values], -1) if values.shape[-1] == 1 else values


def project_onto_simplex(values):
    """Return the nearest point, in the Euclidean norm, of the probability simplex.

    It is max(v - t, 0) with the t for which that sums to 1, the largest of (v_1 + ... + v_j - 1) / j over the
    descending values v_1 >= v_2 >= ... (J. Duchi, S. Shalev-Shwartz, Y. Singer, T. Chandra, "Efficient
    Projections onto the l1-Ball for Learning in High Dimensions", ICML 2008). The order of the values stays.

    Args:
        values: Floats (..., classes).
    """
    descending = tf.sort(values, axis=-1, direction="DESCENDING")
    counts = tf.range(1, values.shape[-1] + 1, dtype=values.dtype)
    thresholds = (tf.cumsum(descending, axis=-1) - 1) / counts
    return tf.nn.relu(values - tf.reduce_max(thresholds, axis=-1, keepdims=True))


@keras.saving.register_keras_serializable(package="tfapp")
class SimplexProjection(keras.layers.Layer):
    """Turn regressed one-hot maps `(batch, height, width, classes)` into the nearest probabilities.

    A regressed label image, which has one channel, gives those of two classes.
    """

    def __init__(self, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})

    def call(self, values):
        return project_onto_simplex(as_class_maps(values))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], max(2, input_shape[-1]))


def on_simplex(model):
    """Return a model of class regression that ends in probabilities, on the same variables."""
    return keras.Model(model.input, SimplexProjection(name="probabilities")(model.output), name=model.name)


def before_projection(model):
    """Return the symbolic output that the loss of a model's training sees: without `on_simplex`, if that was used."""
    last = model.layers[-1]
    return last.input if isinstance(last, SimplexProjection) else model.output
