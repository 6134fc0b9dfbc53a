"""What the slopes of a loss say of its Lipschitz constant."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LipschitzEstimate:
    """Slopes |f(x_i) - f(x_j)| / |x_i - x_j| of a loss (eq. 3.17), in units of the loss per length of the weights.

    No finite number of slopes bounds a Lipschitz constant from above. L is chosen smaller than the largest of them on
    purpose: by how much, `max` and `max_gradient_norm`, below which no Lipschitz constant can be, show.

    Attributes:
        slopes: float64 `(slopes,)`, in the order of the path; of all pairs, those of the first place with all later
            ones, then those of the second. Places that coincide have none.
        quantile: In (0, 1]: which quantile of the slopes is taken.
        momentum: In [0, 1): of the `BPGrad` that the estimate is for.
        max_gradient_norm: Largest norm of the gradient over all weights, at the places of the path.
        mode: `"trajectory"` or `"inits"`.
        pairs: `"successive"` or `"all"`.
        same_batch: Whether both losses of a slope are of the same batch.
    """

    slopes: np.ndarray
    quantile: float
    momentum: float
    max_gradient_norm: float
    mode: str
    pairs: str
    same_batch: bool

    @property
    def quantile_slope(self) -> float:
        """The smallest slope that at least the share `quantile` of the slopes does not exceed."""
        return float(np.quantile(self.slopes, self.quantile, method="inverted_cdf"))

    @property
    def median(self) -> float:
        """Median of the slopes."""
        return float(np.median(self.slopes))

    @property
    def max(self) -> float:
        """Largest slope."""
        return float(self.slopes.max())

    @property
    def lipschitz(self) -> float:
        """L for `BPGrad`: `quantile_slope / (1 - momentum)`, since momentum lengthens the way by that factor."""
        return self.quantile_slope / (1 - self.momentum)
