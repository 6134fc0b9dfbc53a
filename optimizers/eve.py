"""Eve: Adam whose learning rate listens to the loss, as a Keras optimizer."""

import math

import keras
import tensorflow as tf

from tfapp.optimizers.arguments import in_unit_interval, positive
from tfapp.optimizers.base import LossAwareOptimizer
from tfapp.optimizers.updates import plain, usable

_SETTINGS = ("beta_1", "beta_2", "beta_3", "clip", "minimum", "epsilon")


@keras.saving.register_keras_serializable("tfapp")
class Eve(LossAwareOptimizer):
    """Adam with feedback from the objective function.

    With Adam's corrected moments m_t and v_t:

        d_t     = clip(|f_t - f_{t-1}| / (min(f_t, f_{t-1}) - minimum), 1/c, c)
        D_t     = beta_3 * D_{t-1} + (1 - beta_3) * d_t,    D_1 = 1
        x_{t+1} = x_t - learning_rate / D_t * m_t / (sqrt(v_t) + epsilon)

    Steps that are not finite, or whose loss is below `minimum`, are skipped, counted and told, as in
    `BPGrad`. `measured()` has `loss`, `best_loss`, `gradient_norm`,
    `step_size` (learning_rate / D), `num_skipped`, `feedback` (D) and `num_updates`.

    Args:
        learning_rate: A number or a schedule.
        beta_1: In [0, 1): decay of the mean of the gradients.
        beta_2: In [0, 1): decay of the mean of their squares.
        beta_3: In [0, 1): decay of the feedback.
        clip: c > 1.
        minimum: Smallest value that the loss can have.
        epsilon: Small positive number.
        name: Name of the optimizer.
        **kwargs: Those of `LossAwareOptimizer` and of every Keras optimizer.

    Raises:
        ValueError: For an argument out of its range.

    References:
        J. Koushik, H. Hayashi, *Improving Stochastic Gradient Descent with Feedback*, 2016, arXiv:1611.01505.
    """

    MEASURED = ("loss", "best_loss", "gradient_norm", "step_size", "num_skipped", "feedback", "num_updates")
    INITIAL = (math.inf, math.inf, 0.0, 0.0, 0.0, 1.0, 0.0)
    ADJUSTABLE = (*LossAwareOptimizer.ADJUSTABLE, *_SETTINGS)

    def __init__(
        self,
        learning_rate=0.001,
        beta_1=0.9,
        beta_2=0.999,
        beta_3=0.999,
        clip=10.0,
        minimum=0.0,
        epsilon=1e-8,
        name="eve",
        **kwargs,
    ):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.beta_1, self.beta_2, self.beta_3 = beta_1, beta_2, beta_3
        self.clip, self.minimum, self.epsilon = clip, minimum, epsilon

    def checked(self, name, value):
        if name.startswith("beta_"):
            return in_unit_interval(name, value)
        if name == "clip" and not 1 < value < math.inf:
            raise ValueError(f"`clip` must be a number above 1. Received: clip={value}.")
        if name == "epsilon":
            return positive(name, value)
        return float(value) if name in _SETTINGS else super().checked(name, value)

    def least_loss(self, dtype):
        return self.number("minimum", dtype)

    def build(self, variables):
        super().build(variables)
        self._means, self._squares = self.add_optimizer_variables(variables, ["mean", "square"])

    def advance(self, loss, gradient_norm, scalars, is_due):
        last, best, _, _, num_skipped, feedback, count = tf.unstack(scalars)
        # In float64, so that 1 - beta is rounded once.
        betas = [self.number(f"beta_{index}", tf.float64) for index in (1, 2, 3)]
        first, second, third = (tf.cast(beta, loss.dtype) for beta in betas)
        lacks = [tf.cast(1 - beta, loss.dtype) for beta in betas]
        clip, minimum = self.number("clip", loss.dtype), self.number("minimum", loss.dtype)
        moves = is_due & usable(loss - minimum, gradient_norm)
        change = tf.abs(loss - last) / (tf.minimum(loss, last) - minimum)
        clipped = tf.clip_by_value(change, tf.cast(1 / self.number("clip", tf.float64), loss.dtype), clip)
        # The first update has no change; a loss at its minimum gives infinity or NaN, which is the largest change.
        clipped = tf.where(tf.math.is_nan(clipped), clip, clipped)
        heard = third * feedback + lacks[2] * clipped
        feedback_now = tf.where(count > 0, heard, feedback)
        rate = tf.cast(self.learning_rate, loss.dtype) / feedback_now
        count_now = count + 1
        taken = [loss, tf.minimum(best, loss), gradient_norm, rate, num_skipped, feedback_now, count_now]
        skipped = tf.cast(is_due & tf.logical_not(moves), loss.dtype)
        kept = tf.stack([last, best, scalars[2], scalars[3], num_skipped + skipped, feedback, count])
        gate = tf.cast(moves, loss.dtype)
        corrections = (1 - first**count_now, tf.sqrt(1 - second**count_now))
        rates = (gate * rate, gate, *corrections, *lacks[:2], self.number("epsilon", loss.dtype))
        return tf.where(moves, tf.stack(taken), kept), rates

    def update_step(self, gradient, variable, rates):
        index = self._get_variable_index(variable)
        mean, square = plain(self._means[index]), plain(self._squares[index])
        variable = plain(variable)
        rate, gate, first, second, first_lack, second_lack, epsilon = (
            tf.cast(number, variable.dtype) for number in rates
        )
        # Without effect where the gate is 0, even for a gradient of NaN.
        gradient = tf.math.multiply_no_nan(tf.cast(gradient, variable.dtype), gate)
        mean.assign_add(gate * first_lack * (gradient - mean))
        square.assign_add(gate * second_lack * (gradient**2 - square))
        variable.assign_sub(rate * (mean / first) / (tf.sqrt(square) / second + epsilon))

    def get_config(self):
        return super().get_config() | {name: getattr(self, name) for name in _SETTINGS}
