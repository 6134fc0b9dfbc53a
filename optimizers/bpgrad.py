"""BPGrad as a Keras optimizer."""

import math
import numbers

import keras
import tensorflow as tf

from tfapp.optimizers import lipschitz_rules
from tfapp.optimizers.arguments import in_unit_interval, positive, positive_integer
from tfapp.optimizers.base import LossAwareOptimizer
from tfapp.optimizers.lipschitz_rules import AUTO, MEDIAN, SAVED_AUTO
from tfapp.optimizers.metrics import KEPT_SQUARES, RunningSquares, gain_of
from tfapp.optimizers.updates import global_norm, move_with_momentum, step_size, usable

# Settings that are words, the first of each by default.
_CHOICES = {
    "form": ("algorithm-2", "authors"),
    "decay": ("in-loss", "in-gradient"),
    "zero_gradient": ("skip", "random"),
}


@keras.saving.register_keras_serializable("tfapp")
class BPGrad(LossAwareOptimizer):
    """Gradient descent whose step is chosen by the loss itself (Algorithm 2).

    With the loss f, Lipschitz continuous with constant L, and the global gradient g over all variables:

        eta_t   = (f(x_t) - rho * min_{i<=t} f(x_i)) / L
        v_t     = momentum * v_{t-1} - eta_t * g_t / |g_t|
        x_{t+1} = x_t + v_t

    The code that the authors published has another form, `form="authors"`: the step is outside of the momentum,

        m_t     = momentum * m_{t-1} - g_t / |g_t|
        x_{t+1} = x_t + eta_t * m_t

    so that old directions count with the step of today: long steps of before do not go on where the loss has fallen.
    That code also counts the mean of the losses since an epoch began as f, `mean_steps`: a smooth f, whose minimum is
    no lucky batch.

    `measured()` has the numbers of the last step: `loss`, `best_loss` (the running minimum, an upper bound of the
    optimum on the batches seen), `gradient_norm`, `step_size` (eta), `lipschitz` (L, 0 before `"auto"` has found
    it), `num_skipped` and `max_gradient_norm`. rho * best_loss is what Wu (2020) calls the lower bound. In
    Algorithm 2 it is *no certificate*: nothing covers the space; `branch_and_prune` gives one. A
    `max_gradient_norm` above L proves that L is too small to be a Lipschitz constant, which training often
    does not mind.

    A step is skipped, and counted, when the loss or the gradient is NaN or infinite, the gradient is zero (but with
    `zero_gradient="random"`), or the loss is negative: Algorithm 2 needs f >= 0, so raise a loss that can be
    negative by `loss_offset`. A warning says so when `fit()` ends. Numbers, L, rho, momentum, `max_step`,
    `loss_offset` and `weight_decay`, may be set at any time, by a callback too; a setting that would need another
    graph or other variables, such as momentum after none, is refused once training has begun. L is not free of
    scale (it has the unit of the loss per length of the weight vector): the default is only a place to start;
    the rules of `"auto"` find one. If L is too small, the loss and with it the step can grow without bound:
    `max_step` stops that. Steps do not vanish where the loss does not, since eta >= (1 - rho) f / L: where the loss
    stays large let L grow or `learning_rate` fall.

    `lipschitz="auto"` is Algorithm 2 in the metric D = sqrt(s), where s is the running mean of the squared gradient of
    each weight as Adam has it (0.999, corrected for its beginning): lengths are |z|_D = sqrt(sum D z^2), norms of
    gradients |g|_* = sqrt(sum g^2 / D), and

        eta_t = (F_t - rho * min_{i<=t} F_i) / L_t,   L_t = max_{i<=t} N_i / (1.5 * (1 - momentum))
        v_t   = momentum * v_{t-1} - eta_t * D^-1 g_t / |g_t|_*

    with the running means F of the loss (0.9) and N of |g|_* (0.99). So one lucky batch decides nothing, L never falls,
    as that of a Lipschitz constant must not, and layers whose gradients differ in scale all move. A step is about 1.5
    times Polyak's, momentum counted in, and at most 0.2 of the weights long, both as root mean squares; weights
    count with at least 0.01 each, so that training can begin at 0. The unit of the loss does not matter.
    `measured()` has |g|_* for `gradient_norm` and the smallest F for `best_loss`. It keeps one slot more, for s.

    `lipschitz="auto-median"` is what `"auto"` was before: the first updates are normalised gradient steps, 1 % of the
    norm of the weights long with momentum counted in; L is the `auto_quantile` of the gradient norms on this way,
    divided by sqrt(1 - momentum^2), and stays; no step is longer than 2 % of the weights' norm. A gradient norm is
    the limit of the slope |f(x_t) - f(x_{t-1})| / |x_t - x_{t-1}| of eq. 3.17 without the noise of two different
    batches; with their median a step is about as long as Polyak's, f / |g|; and momentum makes a step that much longer
    when successive directions are independent. Where the loss is constant every step is skipped and L stays 0;
    `BoundsLogger` tells it.

    A configuration says `"auto-running"` for `"auto"`. In one that says `"auto"`, which an earlier version saved,
    it is read as `"auto-median"`: such a training goes on as it began.

    Args:
        lipschitz: L > 0: a number; a `keras.optimizers.schedules.LearningRateSchedule` from the number of updates
            to L (`ExponentialDecay(50.0, decay_steps=k, decay_rate=2.0, staircase=True)` is Wu's "doubled
            every k steps"); or a rule that finds it, `"auto"` or `"auto-median"`, see below.
        rho: In [0, 1): the share of the smallest loss so far that the optimum is assumed to be above.
        momentum: In [0, 1).
        learning_rate: Factor of eta, beyond what `measured()` has as `step_size`; a number or a schedule.
        weight_decay: Factor wd of the decay of the weights, or None.
        decay: Where it counts. `"in-loss"`: wd |w|^2 / 2 is part of f and of its gradient, as eq. 3.1 has it.
            `"in-gradient"`: the direction is (g + wd w) / |g|, and f, its bounds and |g| are those of the loss alone,
            as in the code of the authors.
        form: `"algorithm-2"`, or `"authors"`, as above. Without momentum both are the same.
        zero_gradient: What becomes of a step whose gradient is zero: `"skip"`, or `"random"`, a step along a random
            direction (Wu 2020, section 3.2.1), which the number of the step decides.
        mean_steps: Number N of updates, or None: f is the mean of the losses since the last update whose number is a
            multiple of N, for N the updates of an epoch as in the code of the authors; None for the loss of each
            update alone, as Algorithm 2 has it.
        max_step: Largest eta, or None.
        loss_offset: Added to every loss.
        auto_steps: After how many updates the norm of the weights is looked at again; of `"auto-median"` also the
            number of first updates, from which it estimates L.
        auto_quantile: In (0, 1]: which quantile of the gradient norms `"auto-median"` takes; a larger one gives
            shorter steps.
        name: Name of the optimizer.
        **kwargs: Those of every Keras optimizer: clipping (which changes the direction alone, not the length of a step,
            L, or the gradient norms, which are those of the loss; `global_clipnorm` changes nothing without
            `weight_decay`), averaging of weights, accumulation of gradients, loss scaling.

    Raises:
        ValueError: For an argument out of its range.

    References:
        Y. Wu, dissertation, chapter 3, Algorithm 2; Z. Zhang, Y. Wu, G. Wang, *BPGrad: Towards Global Optimality
        in Deep Learning via Branch and Pruning*, 2018, arXiv:1711.06959.

    Example:

        model.compile(BPGrad(lipschitz=20.0), "sparse_categorical_crossentropy")
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
    ADJUSTABLE = (*LossAwareOptimizer.ADJUSTABLE, "lipschitz", "rho", "momentum", "max_step")
    FIXED = ("auto_steps", "auto_quantile", "mean_steps", *_CHOICES)

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
        auto_quantile=0.5,
        form="algorithm-2",
        decay="in-loss",
        zero_gradient="skip",
        mean_steps=None,
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
        self.lipschitz, self.rho, self.momentum, self.max_step = lipschitz, rho, momentum, max_step
        self.auto_steps, self.auto_quantile = auto_steps, auto_quantile
        self.form, self.decay, self.zero_gradient = form, decay, zero_gradient
        self.mean_steps = mean_steps

    def checked(self, name, value):
        if name == "lipschitz":
            return _checked_lipschitz(value)
        if name in ("rho", "momentum"):
            return in_unit_interval(name, value)
        if name == "max_step" and value is not None:
            return positive(name, value)
        if name == "auto_steps" or (name == "mean_steps" and value is not None):
            return positive_integer(name, value)
        if name == "auto_quantile" and not 0 < value <= 1:
            raise ValueError(f"`auto_quantile` must lie in (0, 1]. Received: auto_quantile={value}.")
        if name in _CHOICES and value not in _CHOICES[name]:
            raise ValueError(f"`{name}` must be one of {_CHOICES[name]}. Received: {name}={value!r}.")
        return super().checked(name, value)

    @property
    def decays_loss(self):
        return self.decay == "in-loss"

    def variable_number(self, name):
        # Without momentum there is no velocity that a later one could use.
        return None if name == "momentum" and not self.momentum else super().variable_number(name)

    def build(self, variables):
        super().build(variables)
        self._velocity = self.add_optimizer_variables(variables, "velocity") if self.momentum else []
        if self.lipschitz == AUTO:
            self._squares = self.add_optimizer_variables(variables, "square")

    def initial_scalars(self):
        # In front of what "auto" keeps: the sum and the number of the losses of an epoch.
        scalars = [*self.INITIAL, *[0.0, 0.0] * (self.mean_steps is not None)]
        return scalars + lipschitz_rules.first_memory(self.lipschitz, self.auto_steps)

    def advance(self, loss, gradient_norm, scalars, is_due):
        count = len(self.MEASURED)
        old = dict(zip(self.MEASURED, tf.unstack(scalars[:count]), strict=True))
        sums, kept_memory = tf.split(scalars[count:], [2 if self.mean_steps else 0, -1])
        sums, new_sums, mean = self._mean_loss(loss, sums)
        new, memory = self._measure(mean, gradient_norm, old, kept_memory)
        moves = is_due & usable(loss, gradient_norm)
        length_of_direction = gradient_norm
        if self.zero_gradient == "skip":
            moves &= gradient_norm > 0
        else:
            length_of_direction = tf.where(gradient_norm > 0, gradient_norm, tf.ones_like(gradient_norm))
        skipped = tf.cast(is_due & tf.logical_not(moves), loss.dtype)
        kept = old | {"num_skipped": old["num_skipped"] + skipped}
        measured = [tf.where(moves, new[name], kept[name]) for name in self.MEASURED]
        length = tf.cast(self.learning_rate, loss.dtype) * new["step_size"]
        # Inside of the momentum, or outside of it.
        inside, outside = (length, 1.0) if self.form == "algorithm-2" else (1.0, length)
        scale = tf.where(moves, inside / length_of_direction, 0.0)
        momentum = tf.where(moves, self.number("momentum", loss.dtype), 1.0)
        scalars = tf.concat(
            [measured, tf.where(moves, new_sums, sums), tf.where(moves, memory, kept_memory)], 0
        )
        return scalars, (scale, momentum, tf.where(moves, outside, 0.0))

    def metric_of(self, gradients, loss, is_due):
        if self.lipschitz != AUTO:
            return super().metric_of(gradients, loss, is_due)
        count = tf.convert_to_tensor(self._scalars)[-lipschitz_rules.RUNNING_NUMBERS]
        allowed = is_due & tf.math.is_finite(loss) & (loss >= 0)
        return RunningSquares(gradients, self._squares, gain_of(KEPT_SQUARES, count), allowed, loss.dtype)

    def direction_at_rest(self, gradients, metric):
        if self.zero_gradient == "skip":
            return gradients

        def random_unit():
            # Of the step's number: the same on every replica, and after a training that resumes.
            seeds = [tf.stack([index, tf.cast(self.iterations, tf.int32)]) for index in range(len(gradients))]
            drawn = [
                tf.random.stateless_normal(tf.shape(gradient), seed, dtype=gradient.dtype)
                for gradient, seed in zip(gradients, seeds, strict=True)
            ]
            norm = metric.length(drawn)
            return [tf.math.divide_no_nan(one, tf.cast(norm, one.dtype)) for one in drawn]

        return tf.cond(tf.equal(metric.norm, 0), random_unit, lambda: gradients)

    def clipped_direction(self, gradients, metric):
        # The step is as long as the rule says, whatever of the gradient is cut off: only the direction changes.
        ratio = tf.math.divide_no_nan(metric.norm, metric.length(gradients))
        return [gradient * tf.cast(ratio, gradient.dtype) for gradient in gradients]

    def update_step(self, gradient, variable, rates):
        velocity = self._velocity[self._get_variable_index(variable)] if self.momentum else None
        move_with_momentum(gradient, variable, velocity, *rates)

    def _mean_loss(self, loss, sums):
        """Return sum and number of the losses before this step, those with it, and f."""
        if not self.mean_steps:
            return sums, sums, loss
        begins = tf.equal(self.iterations % self.mean_steps, 0)
        sums = tf.where(begins, tf.zeros_like(sums), sums)
        new_sums = sums + tf.stack([loss, tf.ones_like(loss)])
        return sums, new_sums, new_sums[0] / new_sums[1]

    def _measure(self, loss, gradient_norm, old, memory):
        """Return the numbers of a step that is taken, and what "auto" keeps."""
        shortest, longest, height = 0.0, math.inf, loss
        if self.lipschitz in (AUTO, MEDIAN):
            lipschitz, height, (shortest, longest), memory = self._found(loss, gradient_norm, memory)
        elif callable(self.lipschitz):
            lipschitz = self.lipschitz(self.iterations)
        else:
            lipschitz = self.number("lipschitz", loss.dtype)
        best_loss = tf.minimum(old["best_loss"], height)
        lipschitz = tf.cast(lipschitz, loss.dtype)
        rho = self.number("rho", loss.dtype)
        max_step = None if self.max_step is None else self.number("max_step", loss.dtype)
        eta = tf.where(lipschitz > 0, step_size(height, best_loss, lipschitz, rho, max_step), 0.0)
        new = old | {
            "loss": loss,
            "best_loss": best_loss,
            "gradient_norm": gradient_norm,
            "step_size": tf.clip_by_value(eta, shortest, longest),
            "lipschitz": lipschitz,
            "max_gradient_norm": tf.maximum(old["max_gradient_norm"], gradient_norm),
        }
        return new, memory

    def _found(self, loss, gradient_norm, memory):
        """Return L, the loss that the rule looks at, the shortest and the longest step, and the new memory."""
        momentum = self.number("momentum", tf.float64)
        # A norm of all weights takes time, and changes little from step to step.
        is_due = tf.equal(self.iterations % self.auto_steps, 0)
        if self.lipschitz == AUTO:
            return lipschitz_rules.running(
                loss, gradient_norm, memory, momentum, is_due, self._root_mean_square
            )

        def longest_step_size():
            # Momentum makes a way in one direction 1 / (1 - momentum) times as long.
            norm, num_weights = self._norm_of_weights()
            least = lipschitz_rules.LEAST_WEIGHT * math.sqrt(num_weights)
            share = lipschitz_rules.LONGEST_STEPS * (1 - momentum)
            return tf.cast(share, norm.dtype) * tf.maximum(norm, tf.cast(least, norm.dtype))

        lipschitz, shortest, longest, memory = lipschitz_rules.median(
            gradient_norm, memory, momentum, is_due, longest_step_size, self.auto_quantile
        )
        return lipschitz, loss, (shortest, longest), memory

    def _root_mean_square(self):
        """Return that of the weights, at least `LEAST_WEIGHT`."""
        norm, num_weights = self._norm_of_weights()
        return tf.maximum(norm / math.sqrt(num_weights), tf.cast(lipschitz_rules.LEAST_WEIGHT, norm.dtype))

    def _norm_of_weights(self):
        weights = [tf.convert_to_tensor(variable) for variable in self._trainable_variables]
        num_weights = sum(math.prod(weight.shape) for weight in weights)
        return global_norm(weights, self._scalars.dtype), num_weights

    def get_config(self):
        names = ("rho", "momentum", "max_step", "auto_steps", "auto_quantile", "mean_steps", *_CHOICES)
        lipschitz = SAVED_AUTO if self.lipschitz == AUTO else self.lipschitz
        if not isinstance(lipschitz, (str, float)):
            lipschitz = keras.saving.serialize_keras_object(lipschitz)
        return super().get_config() | {"lipschitz": lipschitz} | {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        if config.get("lipschitz") == AUTO:
            # Of a version whose only rule was the median.
            config = config | {"lipschitz": MEDIAN}
        if isinstance(config.get("lipschitz"), dict):
            schedule = keras.saving.deserialize_keras_object(
                config["lipschitz"], custom_objects=custom_objects
            )
            config = config | {"lipschitz": schedule}
        return super().from_config(config, custom_objects=custom_objects)


def _checked_lipschitz(lipschitz):
    schedule = isinstance(lipschitz, keras.optimizers.schedules.LearningRateSchedule)
    if schedule or isinstance(lipschitz, str) and lipschitz in (AUTO, MEDIAN):
        return lipschitz
    if isinstance(lipschitz, str) and lipschitz == SAVED_AUTO:
        return AUTO
    if isinstance(lipschitz, numbers.Real) and not isinstance(lipschitz, bool) and 0 < lipschitz < math.inf:
        return float(lipschitz)
    raise ValueError(
        '`lipschitz` must be a positive number, a `LearningRateSchedule`, "auto" or "auto-median". '
        f"Received: lipschitz={lipschitz!r}."
    )
