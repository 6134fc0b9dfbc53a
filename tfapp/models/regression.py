"""Classes by regression: the loss against one-hot maps, and the probabilities nearest to what comes out."""

import keras
import tensorflow as tf


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
    """Turn regressed one-hot maps `(batch, height, width, classes)` into the nearest probabilities."""

    def __init__(self, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})

    def call(self, values):
        return project_onto_simplex(values)

    def compute_output_shape(self, input_shape):
        return input_shape


def on_simplex(model):
    """Return a model of class regression that ends in probabilities, on the same variables."""
    return keras.Model(model.input, SimplexProjection(name="probabilities")(model.output), name=model.name)


def before_projection(model):
    """Return the symbolic output that the loss of a model's training sees: without `on_simplex`, if that was used."""
    last = model.layers[-1]
    return last.input if isinstance(last, SimplexProjection) else model.output
