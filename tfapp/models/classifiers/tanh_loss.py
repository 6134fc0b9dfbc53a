"""Squared error of squashed scores, by which classifiers were trained before cross-entropy."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("tfapp")
def tanh_squared_error(labels, logits):
    """Return the mean over the classes of (tanh(logit) - t)^2, t being 1 for the class and -1 for the others.

    Args:
        labels: Integers `(batch,)` or `(batch, 1)`.
        logits: Float `(batch, classes)`.

    Returns:
        Float `(batch,)`, in [0, 4].
    """
    logits = tf.convert_to_tensor(logits)
    labels = tf.reshape(tf.cast(labels, tf.int32), [-1])
    targets = 2.0 * tf.one_hot(labels, tf.shape(logits)[-1], dtype=logits.dtype) - 1.0
    return tf.reduce_mean(tf.square(tf.tanh(logits) - targets), axis=-1)


@keras.saving.register_keras_serializable("tfapp")
class TanhSquaredError(keras.losses.Loss):
    """Mean of `tanh_squared_error` over a batch, a Keras loss of logits and integer labels.

    A thesis's background chapter (section 1.4.1) says of LeNet-5 that its loss is a combination of tanh functions and
    the mean squared error, and no more; targets of 1 and -1, where tanh ends, are assumed.
    """

    def __init__(self, name="tanh_squared_error", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        return tanh_squared_error(y_true, y_pred)
