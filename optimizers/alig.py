"""ALI-G: a Polyak step that interpolation makes computable, as a Keras optimizer."""

import math

import keras
import tensorflow as tf

from tfapp.optimizers.arguments import in_unit_interval, positive
from tfapp.optimizers.base import LossAwareOptimizer
from tfapp.optimizers.updates import move_with_momentum, usable


@keras.saving.register_keras_serializable("tfapp")
class ALIG(LossAwareOptimizer):
    """Adaptive learning rates for interpolation with gradients.

    With the loss f >= 0 and the global gradient g over all variables:

        gamma_t = min(learning_rate, f(x_t) / (|g_t|^2 + epsilon))
        v_t     = momentum * v_{t-1} - gamma_t * g_t
        x_{t+1} = x_t + momentum * v_t - gamma_t * g_t

    It is Polyak's step for an optimum of 0, which a network that can fit every example has. As in `BPGrad`, a step
    with a loss or gradient that is not finite or a negative loss is skipped and counted; `measured()` has `loss`,
    `best_loss`, `gradient_norm`, `step_size` (gamma) and `num_skipped`.

    Args:
        learning_rate: Largest step; a number or a schedule.
        momentum: Nesterov momentum in [0, 1).
        epsilon: Small positive number.
        name: Name of the optimizer.
        **kwargs: Those of `LossAwareOptimizer` and of every Keras optimizer. Clipping changes the g_t that the weights
            move along, and not the |g_t| in gamma.

    Raises:
        ValueError: For an argument out of its range.

    References:
        L. Berrada, A. Zisserman, M. P. Kumar, *Training Neural Networks for and by Interpolation*, 2020,
        arXiv:1906.05661, Algorithm 1 and its momentum form.
    """

    MEASURED = ("loss", "best_loss", "gradient_norm", "step_size", "num_skipped")
    INITIAL = (math.inf, math.inf, 0.0, 0.0, 0.0)
    ADJUSTABLE = (*LossAwareOptimizer.ADJUSTABLE, "momentum", "epsilon")

    def __init__(self, learning_rate=0.1, momentum=0.9, epsilon=1e-5, name="alig", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.momentum, self.epsilon = momentum, epsilon

    def checked(self, name, value):
        if name == "momentum":
            return in_unit_interval(name, value)
        return positive(name, value) if name == "epsilon" else super().checked(name, value)

    def variable_number(self, name):
        # Without momentum there is no velocity that a later one could use.
        return None if name == "momentum" and not self.momentum else super().variable_number(name)

    def build(self, variables):
        super().build(variables)
        self._velocity = self.add_optimizer_variables(variables, "velocity") if self.momentum else []

    def advance(self, loss, gradient_norm, scalars, is_due):
        _, best, _, _, num_skipped = tf.unstack(scalars)
        largest = tf.cast(self.learning_rate, loss.dtype)
        gamma = tf.minimum(largest, loss / (gradient_norm**2 + self.number("epsilon", loss.dtype)))
        moves = is_due & usable(loss, gradient_norm)
        taken = [loss, tf.minimum(best, loss), gradient_norm, gamma, num_skipped]
        skipped = tf.cast(is_due & tf.logical_not(moves), loss.dtype)
        kept = scalars + skipped * tf.constant([0.0, 0.0, 0.0, 0.0, 1.0], loss.dtype)
        momentum = tf.where(moves, self.number("momentum", loss.dtype), 1.0)
        rates = (tf.where(moves, gamma, 0.0), momentum, tf.cast(moves, loss.dtype))
        return tf.where(moves, tf.stack(taken), kept), rates

    def update_step(self, gradient, variable, rates):
        velocity = self._velocity[self._get_variable_index(variable)] if self.momentum else None
        move_with_momentum(gradient, variable, velocity, *rates, nesterov=True)

    def get_config(self):
        return super().get_config() | {"momentum": self.momentum, "epsilon": self.epsilon}
