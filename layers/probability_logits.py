"""Logits of a model that gives its probabilities only."""

import keras
import tensorflow as tf

from tfapp.layers.tv_arguments import at_least_float32, check_choice


@keras.saving.register_keras_serializable(package="tfapp")
class ProbabilityLogits(keras.layers.Layer):
    """Turn probabilities back into logits whose softmax, or sigmoid, they are.

    Probabilities below Keras's epsilon, 1e-7, count as that much: Keras's own cross-entropies clip them there.

    Args:
        link: `"softmax"` for log p, `"sigmoid"` for log(p / (1 - p)).

    Input shape:
        `(batch, *spatial, classes)`, values in [0, 1].

    Output shape:
        The same, float32, or float64 for a float64 input.
    """

    def __init__(self, link="softmax", **kwargs):
        super().__init__(autocast=False, **kwargs)
        check_choice("link", link, ("softmax", "sigmoid"))
        self.link = link

    def call(self, probabilities):
        probabilities = at_least_float32(probabilities)
        least = keras.config.epsilon()
        if self.link == "softmax":
            return tf.math.log(tf.maximum(probabilities, least))
        probabilities = tf.clip_by_value(probabilities, least, 1.0 - least)
        return tf.math.log(probabilities) - tf.math.log1p(-probabilities)

    def compute_output_spec(self, probabilities):
        dtype = "float64" if probabilities.dtype == "float64" else "float32"
        return keras.KerasTensor(probabilities.shape, dtype)

    def get_config(self):
        return {**super().get_config(), "link": self.link}
