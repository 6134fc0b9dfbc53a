"""Certificate of a search: what it has proven, and the samples that prove it."""

import math
from dataclasses import dataclass

import numpy as np

from tfapp.optimizers.branch_and_prune.covers import BoxCover, LineCover

# A bound is proven to rounding: this share of the values and of L times the diagonal of the box.
_ROUNDING = 1e-12
# The share of the gap that boxes may take away from the sawtooth's bound.
_FINE = 0.01
# A slope above L by less than this share, or a difference of values by less of their size, is rounding.
_SLOPE_ROUNDING = 1e-9, 1e-12


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
        """The bound of Wu (2020) on the number of samples: (2 / r)^d Vol(X) / C_d.

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


class Samples:
    """Points and values of an L-Lipschitz function in the order in which they were taken.

    Args:
        function: From float64 (dimension,) to a number.
        lipschitz: L > 0.
        non_negative: Whether a value below 0 is an error.
    """

    def __init__(self, function, lipschitz, *, non_negative):
        self._function, self.lipschitz, self._non_negative = function, lipschitz, non_negative
        self._points, self._values = [], []

    def __len__(self):
        return len(self._values)

    @property
    def points(self):
        """float64 (samples, dimension)."""
        return np.array(self._points)

    @property
    def values(self):
        """float64 (samples,)."""
        return np.array(self._values)

    def take(self, point):
        """Evaluate the function and return its value.

        Raises:
            ValueError: The value is not one finite number, is negative where that is an error, or proves with an
                earlier one that L is too small.
        """
        value = np.asarray(self._function(point.copy()), dtype=np.float64).ravel()
        if value.size != 1 or not np.isfinite(value[0]):
            raise ValueError(
                f"`function` must return one finite number in the whole box. Received: {_term(point, value)}"
            )
        if self._non_negative and value[0] < 0:
            raise ValueError(
                "`function` must be >= 0 for bound='balls' (Algorithm 1 removes balls of radius (f - rho min f) / L): "
                f"minimise `function + c` with c >= {rounded_up(-value[0])}, or use bound='sawtooth'. "
                f"Received: {_term(point, value[0])}"
            )
        if self._values:
            check_slopes(self.points, self.values, point, value[0], self.lipschitz)
        self._points.append(point)
        self._values.append(float(value[0]))
        return self._values[-1]


def check_slopes(points, values, point, value, lipschitz):
    """Raise ValueError, naming the steepest pair, if one more sample and an earlier one are steeper than L.

    Args:
        points: float64 (samples, dimension).
        values: float64 (samples,).
        point: float64 (dimension,), one more sample.
        value: Its value.
        lipschitz: L > 0.
    """
    distances = np.linalg.norm(points - point, axis=1)
    differences = np.abs(values - value)
    allowed = lipschitz * distances * (1 + _SLOPE_ROUNDING[0]) + _SLOPE_ROUNDING[1] * np.maximum(
        abs(value), np.abs(values)
    )
    if (differences <= allowed).all():
        return
    slopes = np.divide(differences, distances, out=np.full_like(distances, np.inf), where=distances > 0)
    slopes[differences <= allowed] = 0.0
    steepest = slopes.argmax()
    raise ValueError(
        f"`lipschitz` must be at least {rounded_up(slopes[steepest])}, the slope between two samples: "
        f"{_term(points[steepest], values[steepest])} and {_term(point, value)}. Received: lipschitz={lipschitz}"
    )


def _term(point, value):
    return f"f({', '.join(f'{x:.8g}' for x in point)}) = {np.array2string(np.asarray(value), precision=8)}"


def rounded_up(number):
    """Return a number of four digits that is not below `number`, as text."""
    if not math.isfinite(number) or number == 0:
        return f"{number:g}"
    unit = 10.0 ** (math.floor(math.log10(number)) - 3)
    return f"{math.ceil(number / unit) * unit:.4g}"
