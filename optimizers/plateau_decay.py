"""Learning rates that fall whenever the loss has stopped to fall."""

import math
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from tfapp.optimizers.loss_scaling import unwrapped
from tfapp.optimizers.warm_up import WarmUp

TRAINING, VALIDATION = "training", "validation"


@dataclass(frozen=True)
class PlateauState:
    """How far a decay on plateau is.

    Attributes:
        falls: How often the rate fell.
        best: The smallest loss so far; infinite before the first.
        waited: Epochs since it, or since the rate fell.
    """

    falls: int = 0
    best: float = math.inf
    waited: int = 0

    def after(self, loss, patience, threshold, epochs=1):
        """Return the state after a further loss.

        Args:
            loss: Of the epochs since the last one; NaN is no improvement.
            patience: Epochs without an improvement after which the rate falls, at least 1.
            threshold: Share of the smallest loss that a loss has to be below it to be an improvement.
            epochs: How many epochs the loss is of.

        Example:
            >>> state = PlateauState()
            >>> for loss in (1.0, 0.5, 0.6, 0.7):
            ...     state = state.after(loss, patience=2, threshold=0.0)
            >>> state
            PlateauState(falls=1, best=0.5, waited=0)
        """
        if loss < (self.best - threshold * abs(self.best) if math.isfinite(self.best) else math.inf):
            return PlateauState(self.falls, float(loss), 0)
        waited = self.waited + epochs
        return (
            PlateauState(self.falls + 1, self.best, 0)
            if waited >= patience
            else PlateauState(self.falls, self.best, waited)
        )


@keras.saving.register_keras_serializable("tfapp")
class PlateauDecay(keras.optimizers.schedules.LearningRateSchedule):
    """max(rate * factor^falls, least), where `falls` grows by 1 each time the loss has stopped to fall.

    As `keras.callbacks.ReduceLROnPlateau`, which acts on an optimizer with a constant rate, but part of the optimizer:
    a saved model has how far the decay is, and a training that resumes goes on along the identical path. Whoever
    trains calls `observe` with the loss of each epoch; the trainings of `tfapp` do.

    Args:
        rate: First rate, above 0.
        factor: What the rate is multiplied by, in (0, 1).
        patience: Epochs without an improvement after which the rate falls, at least 1.
        threshold: Share of the smallest loss that a loss has to be below it to count, in [0, 1).
        least: Rate below which it does not fall, at least 0.
        watch: Which loss counts: `validation`, `training`, or None for that of validation where there is one.
        state: What `get_config` said of how far it is; None at the beginning.

    Example:
        >>> decay = PlateauDecay(0.1, factor=0.5, patience=1)
        >>> for loss in (1.0, 0.8, 0.9):
        ...     decay.observe(loss)
        >>> round(float(decay(0)), 6)
        0.05
    """

    def __init__(self, rate, factor=0.1, patience=10, threshold=1e-4, least=0.0, watch=None, state=None):
        super().__init__()
        if not (0 < factor < 1 and patience >= 1 and 0 <= threshold < 1 and 0 <= least <= rate):
            raise ValueError(
                "Expected 0 < `factor` < 1, `patience` of at least 1, 0 <= `threshold` < 1 and `least` from 0 to "
                f"`rate`. Received: rate={rate}, factor={factor}, patience={patience}, threshold={threshold}, "
                f"least={least}."
            )
        if watch not in (None, TRAINING, VALIDATION):
            raise ValueError(f"`watch` must be {TRAINING}, {VALIDATION} or None. Received: watch={watch!r}.")
        self.rate, self.factor, self.patience = float(rate), float(factor), int(patience)
        self.threshold, self.least, self.watch = float(threshold), float(least), watch
        found = PlateauState(**{"best": math.inf, **state}) if state else PlateauState()
        # A variable, as a traced step reads it; of 64 bits, so that losses compare as they were told.
        self.variable = tf.Variable(
            [found.falls, found.best, found.waited], dtype=tf.float64, trainable=False, name="plateau"
        )

    @property
    def state(self) -> PlateauState:
        """How far the decay is."""
        falls, best, waited = self.variable.numpy().tolist()
        return PlateauState(int(falls), best, int(waited))

    def observe(self, loss, epochs=1):
        """Take the loss of an epoch, or of several, into account: the rate of the next update may be lower."""
        state = self.state.after(loss, self.patience, self.threshold, epochs)
        self.variable.assign([state.falls, state.best, state.waited])

    def __call__(self, step):
        del step
        rate = self.rate * tf.pow(tf.constant(self.factor, tf.float64), self.variable[0])
        return tf.cast(tf.maximum(rate, tf.constant(self.least, tf.float64)), tf.float32)

    def get_config(self):
        names = ("rate", "factor", "patience", "threshold", "least", "watch")
        state = {name: value for name, value in vars(self.state).items() if value != math.inf}
        return {**{name: getattr(self, name) for name in names}, "state": state}


def plateau_of(optimizer) -> PlateauDecay | None:
    """Return the decay on plateau that the learning rate of an optimizer has, or None."""
    # What Keras gives of it in public is the rate, not the schedule.
    schedule = unwrapped(optimizer)._learning_rate
    if isinstance(schedule, WarmUp):
        schedule = schedule.rate
    return schedule if isinstance(schedule, PlateauDecay) else None


def rate_of_last_update(optimizer) -> float:
    """Return the learning rate of the last update of an optimizer, or before its first one that of the first."""
    optimizer = unwrapped(optimizer)
    rate = optimizer._learning_rate
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        rate = rate(tf.maximum(tf.cast(tf.convert_to_tensor(optimizer.iterations), tf.int64) - 1, 0))
    # Keras computes rates in float32: the shortest number that is this one there, 0.005 and not 0.004999999888241291.
    return float(str(np.float32(rate)))
