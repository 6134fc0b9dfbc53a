"""BPGrad as a Keras optimizer."""

import math

import keras
import tensorflow as tf

from tfapp.optimizers.bpgrad_step import step_size, usable
from tfapp.optimizers.lipschitz_slopes import recorded, slope_quantile
from tfapp.optimizers.loss_aware import LossAwareOptimizer
from tfapp.optimizers.momentum_step import move_with_momentum


@keras.saving.register_keras_serializable("tfapp")
class BPGrad(LossAwareOptimizer):
    """Gradient descent whose step is chosen by the loss itself (Algorithm 2).

    With the loss f, Lipschitz continuous with constant L, and the global gradient g over all variables:

        eta_t   = (f(x_t) - rho * min_{i<=t} f(x_i)) / L
        v_t     = momentum * v_{t-1} - eta_t * g_t / |g_t|
        x_{t+1} = x_t + v_t

    `measured()` has the numbers of the last step: `loss`, `best_loss` (the running minimum, an upper bound of the
    optimum on the batches seen), `gradient_norm`, `step_size` (eta), `lipschitz` (L), `num_skipped` and
    `max_gradient_norm`. rho * best_loss is what the text calls the lower bound. In Algorithm 2 it is *no
    certificate*: nothing covers the space; `branch_and_prune` gives one. A `max_gradient_norm` above L proves
    that L is too small.

    A step is skipped, and counted, when the loss or the gradient is NaN or infinite, the gradient is zero, or the
    loss is negative: the text needs f >= 0, so raise a loss that can be negative by `loss_offset`. L is not free of
    scale (it has the unit of the loss per length of the weight vector): the default is only a place to start;
    `lipschitz="auto"` finds one. If L is too small, the loss and with it the step can grow without bound:
    `max_step` stops that. Steps do not vanish where the loss does not, since eta >= (1 - rho) f / L: where the
    loss stays large let L grow or `learning_rate` fall.

    Args:
        lipschitz: L > 0: a number; a `keras.optimizers.schedules.LearningRateSchedule` from the number of updates
            to L (`ExponentialDecay(50.0, decay_steps=k, decay_rate=2.0, staircase=True)` is the text's "doubled
            every k steps"); or `"auto"`: during the first updates L is the largest gradient norm so far, then it
            is the `auto_quantile` of |f(x_t) - f(x_{t-1})| / |x_t - x_{t-1}| over those updates (eq. 3.17) and
            stays. Both are divided by 1 - momentum, by which momentum lengthens the way.
        rho: In [0, 1): the share of the smallest loss so far that the optimum is assumed to be above.
        momentum: In [0, 1).
        learning_rate: Factor of eta; a number or a schedule.
        weight_decay: Factor of |w|^2 / 2, which is added to f and to its gradient; or None.
        max_step: Largest eta, or None.
        loss_offset: Added to every loss.
        auto_steps: Updates from which `"auto"` estimates L.
        auto_quantile: In (0, 1]: which quantile of the slopes `"auto"` takes.
        name: Name of the optimizer.
        **kwargs: Those of every Keras optimizer: clipping (which changes the direction; `global_clipnorm` has no
            effect on it), averaging of weights, accumulation of gradients, loss scaling.

    Raises:
        ValueError: For an argument out of its range.

    References:
        Y. Wu, dissertation, chapter 3, Algorithm 2; Z. Zhang, Y. Wu, G. Wang, *BPGrad: Towards Global Optimality
        in Deep Learning via Branch and Pruning*, 2018, arXiv:1711.06959.

    Example:

        model.compile(BPGrad(lipschitz=15.0), "sparse_categorical_crossentropy")
        model.fit(x, y)
        model.optimizer.measured()["best_loss"]
    """

    MEASURED = (
        "loss",
        "best_loss",
        "gradient_norm",
        "step_size",
        "lipschitz",
        "num_skipped",
        "max_gradient_norm",
    )
    INITIAL = (math.inf, math.inf, 0.0, 0.0, 0.0, 0.0, 0.0)

    def __init__(
        self,
        lipschitz=50.0,
        rho=0.1,
        momentum=0.9,
        learning_rate=1.0,
        weight_decay=None,
        max_step=None,
        loss_offset=0.0,
        auto_steps=100,
        auto_quantile=0.99,
        name="bpgrad",
        **kwargs,
    ):
        super().__init__(
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            loss_offset=loss_offset,
            name=name,
            **kwargs,
        )
        self.lipschitz = _checked_lipschitz(lipschitz)
        self.rho = _in_unit_interval("rho", rho)
        self.momentum = _in_unit_interval("momentum", momentum)
        if max_step is not None and not 0 < max_step < math.inf:
            raise ValueError(f"`max_step` must be a positive number or None. Received: max_step={max_step}.")
        self.max_step = max_step
        if not (isinstance(auto_steps, int) and auto_steps > 0):
            raise ValueError(f"`auto_steps` must be a positive integer. Received: auto_steps={auto_steps}.")
        self.auto_steps = auto_steps
        if not 0 < auto_quantile <= 1:
            raise ValueError(f"`auto_quantile` must lie in (0, 1]. Received: auto_quantile={auto_quantile}.")
        self.auto_quantile = auto_quantile

    def build(self, variables):
        super().build(variables)
        self._velocity = self.add_optimizer_variables(variables, "velocity") if self.momentum else []

    def initial_scalars(self):
        # Slopes are at least 0: -1 is a place that none was written to yet.
        return [*self.INITIAL, *[-1.0] * (self.auto_steps if self.lipschitz == "auto" else 0)]

    def advance(self, loss, gradient_norm, scalars, is_due):
        old = dict(zip(self.MEASURED, tf.unstack(scalars[: len(self.MEASURED)]), strict=True))
        slopes = scalars[len(self.MEASURED) :]
        new = self._measure(loss, gradient_norm, old, slopes)
        moves = is_due & usable(loss, gradient_norm) & (gradient_norm > 0)
        skipped = tf.cast(is_due & tf.logical_not(moves), loss.dtype)
        kept = old | {"num_skipped": old["num_skipped"] + skipped}
        if self.lipschitz == "auto":
            slopes = tf.where(
                moves, recorded(slopes, loss, old["loss"], self._last_length(old, slopes)), slopes
            )
        measured = [tf.where(moves, new[name], kept[name]) for name in self.MEASURED]
        length = tf.cast(self.learning_rate, loss.dtype) * new["step_size"]
        scale = tf.where(moves, length / gradient_norm, 0.0)
        momentum = tf.where(moves, tf.cast(self.momentum, loss.dtype), 1.0)
        return tf.concat([measured, slopes], 0), (scale, momentum, tf.cast(moves, loss.dtype))

    def update_step(self, gradient, variable, rates):
        velocity = self._velocity[self._get_variable_index(variable)] if self.momentum else None
        move_with_momentum(gradient, variable, velocity, *rates)

    def _measure(self, loss, gradient_norm, old, slopes):
        """Return the numbers of a step that is taken."""
        largest_norm = tf.maximum(old["max_gradient_norm"], gradient_norm)
        lipschitz = tf.cast(self._lipschitz_now(largest_norm, slopes), loss.dtype)
        best_loss = tf.minimum(old["best_loss"], loss)
        return old | {
            "loss": loss,
            "best_loss": best_loss,
            "gradient_norm": gradient_norm,
            "step_size": step_size(loss, best_loss, lipschitz, self.rho, self.max_step),
            "lipschitz": lipschitz,
            "max_gradient_norm": largest_norm,
        }

    def _lipschitz_now(self, largest_norm, slopes):
        if self.lipschitz == "auto":
            estimate = tf.where(slopes[-1] >= 0, slope_quantile(slopes, self.auto_quantile), largest_norm)
            return estimate / (1 - self.momentum)
        return self.lipschitz(self.iterations) if callable(self.lipschitz) else self.lipschitz

    def _last_length(self, old, slopes):
        """Return the length of the last displacement, or 0 when it is not needed any more."""
        if not self.momentum:
            return tf.cast(self.learning_rate, slopes.dtype) * old["step_size"]
        return tf.cond(slopes[-1] < 0, self._velocity_norm, lambda: tf.zeros([], slopes.dtype))

    def _velocity_norm(self):
        squares = [tf.nn.l2_loss(tf.cast(v, self._scalars.dtype)) for v in self._velocity if v is not None]
        return tf.sqrt(2 * tf.add_n(squares))

    def get_config(self):
        names = ("rho", "momentum", "max_step", "auto_steps", "auto_quantile")
        is_plain = isinstance(self.lipschitz, (str, float))
        lipschitz = self.lipschitz if is_plain else keras.saving.serialize_keras_object(self.lipschitz)
        return super().get_config() | {"lipschitz": lipschitz} | {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        if isinstance(config.get("lipschitz"), dict):
            schedule = keras.saving.deserialize_keras_object(
                config["lipschitz"], custom_objects=custom_objects
            )
            config = config | {"lipschitz": schedule}
        return super().from_config(config, custom_objects=custom_objects)


def _checked_lipschitz(lipschitz):
    if isinstance(lipschitz, keras.optimizers.schedules.LearningRateSchedule) or lipschitz == "auto":
        return lipschitz
    if isinstance(lipschitz, (int, float)) and not isinstance(lipschitz, bool) and 0 < lipschitz < math.inf:
        return float(lipschitz)
    raise ValueError(
        '`lipschitz` must be a positive number, a `LearningRateSchedule` or "auto". '
        f"Received: lipschitz={lipschitz!r}."
    )


def _in_unit_interval(name, value):
    if not 0 <= value < 1:
        raise ValueError(f"`{name}` must lie in [0, 1). Received: {name}={value}.")
    return float(value)
