"""What sharpness is, and what is kept of its measurement.

    phi = 100 * (max over z in C of f(x + A z) - f(x)) / (1 + f(x)),      C = {|z_i| <= eps (|(A^+ x)_i| + 1)}

with A the identity (all weights), or random columns (a subspace). The maximum is not known: what is given
is the higher of two climbs, which is a lower bound.

References:
    N. S. Keskar, D. Mudigere, J. Nocedal, M. Smelyanskiy, P. T. P. Tang, "On Large-Batch Training for Deep
    Learning: Generalization Gap and Sharp Minima", ICLR 2017, arXiv:1609.04836, eqs. (3), (4).
    Jianjie Lu, Kai-yu Tong, "Visualized Insights into the Optimization Landscape of Fully Convolutional
    Networks", arXiv, January 2019, which takes over the definition.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Climb:
    """What one way of climbing found.

    Attributes:
        value: phi in percent, >= 0.
        evaluations: of the loss and its gradient over all data.
        iterations: of the climb.
        message: why it ended.
    """

    value: float
    evaluations: int
    iterations: int
    message: str


@dataclass(frozen=True)
class Trial:
    """One repeat: its own random start, and its own random subspace if there is one.

    Attributes:
        lbfgsb, signs: the two climbs.
        active_share: share of the coordinates that are at the border of the box at the higher of the two points.
    """

    lbfgsb: Climb
    signs: Climb
    active_share: float

    @classmethod
    def from_json(cls, stored: dict) -> "Trial":
        """Return what `dataclasses.asdict` made a dictionary of."""
        return cls(Climb(**stored["lbfgsb"]), Climb(**stored["signs"]), stored["active_share"])

    @property
    def value(self) -> float:
        """phi in percent, the larger of both: a lower bound."""
        return max(self.lbfgsb.value, self.signs.value)

    @property
    def evaluations(self) -> int:
        return self.lbfgsb.evaluations + self.signs.evaluations


@dataclass(frozen=True)
class Sharpness:
    """Sharpness for one size of the box.

    Attributes:
        eps: the size.
        loss: f(x), the loss of the solution.
        trials: the repeats.
    """

    eps: float
    loss: float
    trials: tuple[Trial, ...]

    @property
    def values(self) -> np.ndarray:
        """float64 (repeats,): phi of every trial in percent."""
        return np.array([trial.value for trial in self.trials])

    @property
    def mean(self) -> float:
        return float(self.values.mean())

    @property
    def spread(self) -> float:
        """Standard deviation over the trials (n - 1), NaN for one."""
        return float(self.values.std(ddof=1)) if len(self.trials) > 1 else float("nan")

    @property
    def evaluations(self) -> int:
        return sum(trial.evaluations for trial in self.trials)

    @property
    def active_share(self) -> float:
        """Mean over the trials."""
        return float(np.mean([trial.active_share for trial in self.trials]))


def relative_rise(highest: float, loss: float) -> float:
    """Return phi in percent for the highest loss that was seen; the solution itself is in the box.

    >>> relative_rise(3.0, 1.0)
    100.0
    """
    return 100.0 * (max(highest, loss) - loss) / (1.0 + loss)
