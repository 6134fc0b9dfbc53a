"""Condition (3.4): whether a step of Algorithm 2 leaves the balls that all steps before it have pruned."""

import numpy as np


class PathCondition:
    """Left-hand side of condition (3.4) along the path of the weights:

        max_{i<=t} { f(x_i) - L |x_{t+1} - x_i| }  <=  rho * min_{i<=t} f(x_i)

    Where it holds, x_{t+1} lies in none of the balls around x_1 to x_t in which no loss is below the right-hand side.
    Without momentum the step of Algorithm 2 puts x_{t+1} on the border of the ball around x_t, where both sides are
    equal for i = t, and does not look at the others.

    Each place that is kept takes 4 bytes for each weight, and each check reads all of them.

    Args:
        every: Keep and check every so many steps; the maximum is over these, and no larger than over all.
        limit: Places to keep; then no more are checked.

    References:
        Y. Wu, dissertation, chapter 3, condition (3.4) and figure 3.6; Z. Zhang, Y. Wu, G. Wang, *BPGrad: Towards
        Global Optimality in Deep Learning via Branch and Pruning*, 2018, arXiv:1711.06959, eq. 4.
    """

    def __init__(self, every, limit):
        self._every, self._limit = every, limit
        self.clear()

    def clear(self):
        """Forget all places, as those of another path."""
        self._places, self._losses = [], []
        self._here = None

    def before_step(self, model, optimizer, step):
        """Remember where the model is, if the step after `step` steps is one to check."""
        self._here = None
        if step % self._every == 0 and len(self._places) < self._limit:
            self._here, self._num_skipped = _weights(model), optimizer.measured()["num_skipped"]

    @property
    def is_due(self):
        """Whether the step is one to check."""
        return self._here is not None

    def after_step(self, model, measured):
        """Return the left-hand side for where the model is now, or NaN if it is not checked, was skipped, or has no L.

        Args:
            model: Keras model.
            measured: Numbers of the step.
        """
        if self._here is None or measured["num_skipped"] > self._num_skipped or not measured["lipschitz"]:
            return np.nan
        self._places.append(self._here)
        self._losses.append(measured["loss"])
        now = _weights(model)
        distances = np.array([np.linalg.norm(now - place) for place in self._places])
        return float(np.max(np.array(self._losses) - measured["lipschitz"] * distances))


def _weights(model):
    return np.concatenate([np.float32(variable.numpy()).ravel() for variable in model.trainable_variables])
