"""Losses of a detector: smooth L1 of the offsets of the true class, and of the anchors that are objects."""

import keras
import tensorflow as tf

# The offsets of anchors are not divided by their deviations; with this sigma, as in the code of Ren et al. (2015), the
# square ends at 1 / 9 for them.
_ANCHOR_SIGMA = 3.0


def smooth_l1(differences, sigma=1.0):
    """Return (sigma x)^2 / 2 where |x| < 1 / sigma^2, |x| - 1 / (2 sigma^2) elsewhere.

    Reference:
        R. Girshick, "Fast R-CNN", ICCV 2015, equation 3, where sigma is 1.
    """
    size, square = tf.abs(differences), sigma * sigma
    return tf.where(size < 1 / square, 0.5 * square * tf.square(differences), size - 0.5 / square)


@keras.saving.register_keras_serializable(package="tfapp")
class TrueClassOffsets(keras.losses.Loss):
    """Smooth L1 of the offsets of the true class of each region, 0 for background.

    Targets: float32 `(batch, count, 5)`, the class index + 1, 0 for background, and four offsets. Predictions:
    `(batch, count, classes, 4)`.
    """

    def call(self, y_true, y_pred):
        labels = tf.cast(y_true[..., 0], tf.int32)
        ours = tf.gather(y_pred, tf.maximum(labels - 1, 0), axis=2, batch_dims=2)
        terms = smooth_l1(ours - tf.cast(y_true[..., 1:], y_pred.dtype))
        return tf.reduce_sum(terms, axis=-1) * tf.cast(labels > 0, y_pred.dtype)


@keras.saving.register_keras_serializable(package="tfapp")
class AnchorOffsets(keras.losses.Loss):
    """Smooth L1 of the offsets of the anchors that are objects, 0 for the others.

    Targets: float32 `(batch, anchors, 5)`, 1 for an object and 0 for none, and four offsets. Predictions: `(batch,
    anchors, 4)`.
    """

    def call(self, y_true, y_pred):
        terms = smooth_l1(y_pred - tf.cast(y_true[..., 1:], y_pred.dtype), _ANCHOR_SIGMA)
        return tf.reduce_sum(terms, axis=-1) * tf.cast(y_true[..., 0], y_pred.dtype)


@keras.saving.register_keras_serializable(package="tfapp")
class Objectness(keras.losses.Loss):
    """Binary cross-entropy of each anchor. Targets and predictions: `(batch, anchors)`."""

    def call(self, y_true, y_pred):
        return keras.losses.binary_crossentropy(y_true[..., None], y_pred[..., None])


def losses_of(model):
    """Return the losses of a model of `build_detector` by its outputs, each a mean over the weights of its targets.

    All are added with the weight 1. The mean of the offsets is over all regions, background among them, as Girshick
    (2015) and Ren et al. (2015) divide by all of them.
    """
    kinds = {
        "scores": keras.losses.SparseCategoricalCrossentropy,
        "offsets": TrueClassOffsets,
        "objectness": Objectness,
        "anchor_offsets": AnchorOffsets,
    }
    return {
        name: kinds[name](reduction="mean_with_sample_weight", name=name)
        for name in kinds
        if name in model.output
    }
