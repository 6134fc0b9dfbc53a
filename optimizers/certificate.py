"""What a search has proven, and the samples that prove it."""

import math
from dataclasses import dataclass

import numpy as np

from tfapp.optimizers.box_cover import BoxCover
from tfapp.optimizers.line_cover import LineCover
from tfapp.optimizers.samples import check_slopes

# A bound is proven to rounding: this share of the values and of L times the diagonal of the box.
_ROUNDING = 1e-12
# The share of the gap that boxes may take away from the sawtooth's bound.
_FINE = 0.01


def make_cover(low, high, lipschitz):
    """Return the exact `LineCover` in one dimension, a `BoxCover` in more."""
    return (LineCover if len(low) == 1 else BoxCover)(low, high, lipschitz)


@dataclass(frozen=True)
class Certificate:
    """Bounds of the minimum of an L-Lipschitz function over a box, proven by samples and by L alone.

    Attributes:
        samples: float64 (evaluations, dimension), in the order in which they were taken.
        values: float64 (evaluations,), the function there.
        low, high: float64 (dimension,), corners of the box.
        lipschitz: L. If the function is steeper anywhere, nothing is proven.
        target: What the cover was to prove: min(rho min f, min f - tolerance) with balls, min f - tolerance with the
            sawtooth; min f is over the samples.
        lower_bound: No point of the box has a smaller value. With balls: the target if the box is covered, else what
            the sawtooth of the samples proves. With the sawtooth: what that proves.
        covered: Whether the balls of radii (f_i - target) / L around the samples cover the box.
        covered_share: Share of the box's volume that they were shown to cover; exact in one dimension, at least this
            in more.
    """

    samples: np.ndarray
    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
    lipschitz: float
    target: float
    lower_bound: float
    covered: bool
    covered_share: float

    @property
    def upper_bound(self) -> float:
        """The smallest value that was seen: the minimum is not above it."""
        return float(self.values.min())

    @property
    def gap(self) -> float:
        """upper_bound - lower_bound: the smallest value seen is no farther from the minimum."""
        return self.upper_bound - self.lower_bound

    @property
    def evaluations(self) -> int:
        return len(self.values)

    @property
    def theorem_2(self) -> float:
        """The text's bound of the number of samples: (2 / r)^d Vol(X) / C_d.

        r is the smallest radius, (1 - rho) min f / L unless the tolerance is larger; C_d the volume of the unit ball
        in d dimensions. It counts disjoint balls of radius r / 2 and forgets that these can stick out of X, so that
        it is no bound for boxes that are not much larger than r.
        """
        dimension = len(self.low)
        unit_ball = math.pi ** (dimension / 2) / math.gamma(dimension / 2 + 1)
        smallest = (self.upper_bound - self.target) / self.lipschitz
        return (2 / smallest) ** dimension * float(np.prod(self.high - self.low)) / unit_ball

    def sawtooth_bound(self) -> float:
        """Return the lower bound by the sawtooth max_i (f_i - L |x - x_i|) from the same samples.

        Its minimum, exactly, in one dimension. In more, a bound below it that boxes prove in about a second; it can
        then be looser than `lower_bound`, for which boxes were split at every sample, and the larger is returned.
        """
        cover = self._cover()
        cover.tighten(self.upper_bound, _FINE)
        return max(cover.lower_bound(), self.lower_bound)

    def verify(self) -> None:
        """Check every pair of samples against L, and prove the lower bound again from the samples alone.

        Raises:
            ValueError: Two samples are steeper than L, or the lower bound does not follow.
        """
        for number in range(1, len(self.values)):
            earlier = self.samples[:number], self.values[:number]
            check_slopes(*earlier, self.samples[number], self.values[number], self.lipschitz)
        size = np.abs(self.values).max() + self.lipschitz * np.linalg.norm(self.high - self.low)
        if not self._cover().proves(self.lower_bound - _ROUNDING * size):
            raise ValueError(
                f"`lower_bound` must follow from the samples and L. Received: lower_bound={self.lower_bound}"
            )

    def _cover(self):
        cover = make_cover(self.low, self.high, self.lipschitz)
        for sample, value in zip(self.samples, self.values, strict=True):
            cover.add(sample, value)
        return cover
