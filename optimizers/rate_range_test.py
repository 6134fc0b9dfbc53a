"""Learning rate to begin with, found by raising it until the loss diverges."""

import itertools
import math
from dataclasses import dataclass

import keras
import numpy as np

from tfapp.optimizers.arguments import check_compiled, positive, positive_integer
from tfapp.optimizers.base import LossAwareOptimizer
from tfapp.optimizers.lipschitz import sample_batches
from tfapp.optimizers.loss_scaling import unwrapped

START, END, FACTOR, UPDATES = 1e-5, 10.0, 2.0, 20
# A mean loss has diverged that is above that of the untouched weights by this share of it: dropout changes it too.
_MARGIN = 0.05
# Or that has lost more than half of what the best rate won, where that was this share of it.
_WON = 0.1


@dataclass(frozen=True, eq=False)
class RateRangeTest:
    """Losses at rising learning rates.

    Attributes:
        initial: Mean loss over the batches with a rate of 0, of the weights as they were.
        rates: Float array (n,), each a constant factor above the one before; the last one is that at which the loss
            diverged, if it did.
        losses: Float array (n, updates), the training loss of each update at each rate; NaN after one that is not
            finite.
        diverged: Whether the loss diverged at the last rate.
    """

    initial: float
    rates: np.ndarray
    losses: np.ndarray
    diverged: bool

    @property
    def means(self) -> np.ndarray:
        """Mean losses at the rates, float (n,); not finite where a loss is not."""
        return np.array([_mean(losses) for losses in self.losses])

    @property
    def suggestion(self) -> float | None:
        """The rate below the one at which the loss diverged; None where it did not, or did at the first one already."""
        return float(self.rates[-2]) if self.diverged and len(self.rates) > 1 else None


def find_learning_rate(
    model,
    x,
    y=None,
    sample_weight=None,
    *,
    start=START,
    end=END,
    factor=FACTOR,
    updates=UPDATES,
    batch_size=32,
    seed=0,
    progress=None,
) -> RateRangeTest:
    """Raise the learning rate of a compiled model until its loss diverges, and put everything back.

    At each rate, `start`, `start * factor` and so on, the model makes so many updates from the weights that it has now,
    and on the same batches, so that the losses of the rates compare. The loss has diverged where its mean over the
    updates is not finite; is above that of a rate of 0 by more than 5 % of it; or has lost more than half of what the
    best rate won, if that is 10 % at least. The rate below is the suggestion: where the loss is about quadratic, rates
    above twice the best one diverge, so that with a factor of 2 the suggestion lies between the best rate and twice
    that. Schedules begin with it and fall.

    The weights, the states of the optimizer, its rate and all random numbers of layers are afterwards what they were.

    Args:
        model: Built and compiled Keras model whose optimizer has a number as its learning rate.
        x, y, sample_weight: As `fit()` takes them: arrays, or a dataset of batches as `x`.
        start: First rate, above 0.
        end: Rate that is not exceeded.
        factor: Of each rate to the one before, above 1.
        updates: At each rate, and batches in all.
        batch_size: Samples in a batch of arrays.
        seed: Of the choice of these.
        progress: Function of (rates done, rates in all, the last mean loss), or None.

    Raises:
        ValueError: For a model that is not built, compiled and trainable, a schedule in place of a learning rate, a
            number out of range, or data without a batch.

    References:
        L. N. Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017, section 3.3: the range test, in
        one training whose rate grows with every update.
        Y. LeCun, L. Bottou, G. B. Orr, K.-R. Müller, "Efficient BackProp", 1998: of a quadratic loss the largest rate
        is twice the optimal one.

    Example:
        The loss of one weight w with x = y = 2 is (2w - 2)^2, of curvature 8: the best rate of SGD is 1 / 8, and it
        diverges above 2 / 8.

        >>> import keras, numpy as np
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
        >>> model.compile("sgd", "mse")
        >>> found = find_learning_rate(model, np.full((1, 1), 2.0), np.full((1, 1), 2.0), start=0.001, batch_size=1)
        >>> found.suggestion
        0.128
    """
    check_compiled(model)
    rates = rising_rates(start, end, factor)
    optimizer = unwrapped(model.optimizer)
    if isinstance(optimizer._learning_rate, keras.optimizers.schedules.LearningRateSchedule):
        raise ValueError(
            "`model` must be compiled with a number as its learning rate, which is raised here. Received: the "
            f"schedule {type(optimizer._learning_rate).__name__}."
        )
    if optimizer.gradient_accumulation_steps:
        raise ValueError(
            "`model` must be compiled without gradient accumulation, as each batch is to be an update. Received: "
            f"gradient_accumulation_steps={optimizer.gradient_accumulation_steps}."
        )
    batches = list(
        itertools.islice(
            sample_batches(x, y, sample_weight, batch_size=batch_size, seed=seed),
            positive_integer("updates", updates),
        )
    )
    if not batches:
        raise ValueError("`x` must hold at least one batch. Received: a dataset without any.")
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    rate_before = float(optimizer.learning_rate)
    kept = [(variable, np.array(variable)) for variable in _state_of(model)]

    def losses_at(rate):
        optimizer.learning_rate = rate
        try:
            return _losses(model, optimizer, batches)
        finally:
            for variable, value in kept:
                variable.assign(value)

    try:
        return _raised(losses_at, rates, progress or (lambda *told: None))
    finally:
        optimizer.learning_rate = rate_before
        model.reset_metrics()


def diverges(means, initial) -> bool:
    """Return whether the last of mean losses at rising rates has diverged, as of `find_learning_rate`.

    Args:
        means: At least one.
        initial: Mean loss with a rate of 0.

    Example:
        >>> diverges([0.9, 0.4, 0.6], initial=1.0), diverges([0.9, 0.4, 0.8], initial=1.0)
        (False, True)
        >>> diverges([0.99, 1.04], initial=1.0), diverges([0.99, 1.06], initial=1.0)
        (False, True)
    """
    *before, last = means
    if not math.isfinite(last) or last > initial + _MARGIN * abs(initial):
        return True
    smallest = min(before, default=initial)
    return smallest < initial - _WON * abs(initial) and last > (smallest + initial) / 2


def rising_rates(start, end, factor):
    """Return `start`, `start * factor` and so on up to `end`, float (n,).

    Raises:
        ValueError: For numbers out of range.
    """
    start, end = positive("start", start), positive("end", end)
    if not (positive("factor", factor) > 1 and start < end):
        raise ValueError(
            "Expected a `factor` above 1 and a `start` below `end`. Received: "
            f"factor={factor}, start={start}, end={end}."
        )
    # A rate that is `end` but for rounding is one of them.
    count = int(math.log(end / start) / math.log(factor) + 1e-9) + 1
    return start * factor ** np.arange(count)


def _state_of(model):
    """Return all variables that a training changes, each once; metrics are reset and no part of it."""
    of_metrics = {id(variable) for variable in model.metrics_variables}
    found = {id(variable): variable for variable in [*model.variables, *model.optimizer.variables]}
    return [variable for key, variable in found.items() if key not in of_metrics]


def _raised(losses_at, rates, progress):
    initial = _mean(losses_at(0.0))
    if not math.isfinite(initial):
        raise ValueError(
            f"`model` must have a finite loss before it is trained. Received: a loss of {initial}."
        )
    losses = []
    for number, rate in enumerate(rates):
        losses.append(losses_at(rate))
        progress(number + 1, len(rates), _mean(losses[-1]))
        if diverges([_mean(one) for one in losses], initial):
            return RateRangeTest(initial, rates[: number + 1], np.array(losses), True)
    return RateRangeTest(initial, rates, np.array(losses), False)


def _mean(losses):
    # Losses that are about to overflow have a mean that does.
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.mean(losses))


def _losses(model, optimizer, batches):
    """Return the losses of the updates at one rate."""
    losses = np.full(len(batches), np.nan)
    for number, (x, y, sample_weight) in enumerate(batches):
        # Keras tells the mean since the last reset.
        model.reset_metrics()
        if isinstance(optimizer, LossAwareOptimizer):
            # A loss that is not finite is what is waited for, and told by the result.
            optimizer.mark_skips_as_told()
        logs = model.train_on_batch(x, y, sample_weight=sample_weight, return_dict=True)
        losses[number] = logs["loss"]
        if not math.isfinite(losses[number]):
            break
    return losses
