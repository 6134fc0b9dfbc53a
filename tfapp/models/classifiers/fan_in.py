"""Initial weights that shrink with the number of inputs of their unit."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="tfapp")
class UniformByFanIn(keras.initializers.RandomUniform):
    """Draw weights uniformly between -2.4 / F and 2.4 / F for units of fan-in F.

    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-Based Learning Applied to Document Recognition",
    Proceedings of the IEEE 86(11), 1998, section III.A of its appendix.

    Args:
        fan_in: Number of inputs of a unit, or a list of them, one for each entry of the last axis.
        seed: As in `keras.initializers.RandomUniform`.
    """

    def __init__(self, fan_in, seed=None):
        super().__init__(minval=-2.4, maxval=2.4, seed=seed)
        self.fan_in = fan_in

    def __call__(self, shape, dtype=None):
        weights = super().__call__(shape, dtype)
        return weights / tf.constant(self.fan_in, weights.dtype)

    def get_config(self):
        return {"fan_in": self.fan_in, "seed": super().get_config()["seed"]}
