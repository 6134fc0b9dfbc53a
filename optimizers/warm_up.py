"""Learning rates that grow from near 0 in the first updates of a training."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("tfapp")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """min(1, t / steps) times the rate of another schedule, for the updates t = 1, 2, ...

    The other schedule counts from the first update on, so that what begins at an epoch begins there with a warm-up too.

    Args:
        rate: Number above 0, or Keras schedule.
        steps: Updates of the warm-up, at least 1; the last of them has the whole rate.

    Reference:
        P. Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017, section 2.2: the gradual
        warm-up, in even steps.

    Example:
        >>> [round(float(WarmUp(0.8, 4)(step)), 3) for step in range(6)]
        [0.2, 0.4, 0.6, 0.8, 0.8, 0.8]
    """

    def __init__(self, rate, steps):
        super().__init__()
        if not steps >= 1:
            raise ValueError(f"`steps` must be at least 1. Received: steps={steps}.")
        self.rate, self.steps = rate, int(steps)

    def __call__(self, step):
        rate = tf.convert_to_tensor(self.rate(step) if callable(self.rate) else self.rate, tf.float32)
        # Counted from 0 by Keras: the first update is not to be one that moves nothing.
        return rate * tf.minimum(1.0, (tf.cast(step, tf.float32) + 1) / self.steps)

    def get_config(self):
        rate = keras.saving.serialize_keras_object(self.rate) if callable(self.rate) else self.rate
        return {"rate": rate, "steps": self.steps}

    @classmethod
    def from_config(cls, config):
        rate = config["rate"]
        if isinstance(rate, dict):
            rate = keras.saving.deserialize_keras_object(rate)
        return cls(rate, config["steps"])
