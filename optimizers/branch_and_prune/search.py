"""Branch and prune: an exact global search that ends with a certificate."""

import math
import time
from dataclasses import dataclass

import numpy as np

from tfapp.optimizers.branch_and_prune.certificate import Certificate, Samples, make_cover, rounded_up

# The share of the gap that boxes may take away from the last lower bound.
_FINE = 0.05
# A gradient by differences is longer than L by less than this share where L is as small as it can be.
_ROUNDING = 1e-6
BOUNDS = ("balls", "sawtooth")
# What double precision can prove, as a share of L times the diagonal of the box.
_RESOLUTION = 1e-11


@dataclass(frozen=True)
class SearchProgress:
    """Where a search stands.

    Attributes:
        evaluations: Samples so far.
        sample: float64 (dimension,), the last one.
        value: The function there.
        target: The lower bound that is to be proven, rho min f in Algorithm 1.
        lower_bound: What is proven by the samples so far; with more than one variable as far as boxes were split.
        upper_bound: min f, the smallest value so far.
    """

    evaluations: int
    sample: np.ndarray
    value: float
    target: float
    lower_bound: float
    upper_bound: float


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        certificate: The `Certificate`, which holds the samples.
        targets: float64 (evaluations,), the target after each sample.
        lower_bounds: float64 (evaluations,), what was proven after each sample.
        stopped: `covered` (the target is proven), `evaluations`, `seconds` or `callback`.
    """

    certificate: Certificate
    targets: np.ndarray
    lower_bounds: np.ndarray
    stopped: str

    @property
    def minimiser(self) -> np.ndarray:
        """float64 (dimension,), the best sample."""
        return self.samples[self.values.argmin()]

    @property
    def minimum(self) -> float:
        """The function at the best sample."""
        return self.certificate.upper_bound

    @property
    def samples(self) -> np.ndarray:
        """float64 (evaluations, dimension), in the order in which they were taken."""
        return self.certificate.samples

    @property
    def values(self) -> np.ndarray:
        """float64 (evaluations,), the function at the samples."""
        return self.certificate.values

    @property
    def radii(self) -> np.ndarray:
        """float64 (evaluations,), of the removed balls around the samples."""
        return self.radii_after(len(self.values))

    def radii_after(self, count: int) -> np.ndarray:
        """Return the radii (f_i - target) / L of the first `count` balls as they were then, float64 (count,)."""
        return (self.values[:count] - self.targets[count - 1]) / self.certificate.lipschitz


def branch_and_prune(
    function,
    bounds,
    lipschitz,
    *,
    gradient=None,
    start=None,
    rho=0.1,
    max_evaluations=2000,
    max_seconds=None,
    tolerance=1e-4,
    bound="balls",
    callback=None,
) -> SearchResult:
    """Minimise an L-Lipschitz function over a box, and prove how far the result can be from the minimum.

    With `bound="balls"` this is Algorithm 1. Around a sample x_i there is no value below rho min f closer than

        r_i = (f(x_i) - rho min_j f(x_j)) / L,

    so that ball is removed. The next sample is the nearest border of what is left, in the direction of descent from
    the last sample if there is one, else elsewhere; all radii follow min f down. Nothing left means: no value in the
    box is below rho min f. The function must be >= 0. The proof is not shift invariant: adding a constant makes balls
    larger and the proven bound worse. The nearer the minimum is to 0 the smaller they get; `tolerance` bounds them
    from below, or a minimum of 0 would never be covered.

    With `bound="sawtooth"` the next sample is where max_i (f(x_i) - L |x - x_i|) is lowest (Piyavskii, Shubert), until
    that is within `tolerance` of min f. The function may be negative; `rho` and `gradient` are not used. For the same
    gap it needs far fewer evaluations, and is what to use when it is the gap that matters.

    One variable is exact. In more, a cover is proven by branch and bound over boxes (`BoxCover`), each of which lies
    wholly in one ball. The number of boxes, like that of the samples, grows exponentially with the dimension: two to
    four variables.

    The search is deterministic, and can be stopped at any time: the bounds of the certificate hold at every sample.

    Args:
        function: From float64 (dimension,) to a finite number, the same whenever it is asked.
        bounds: (dimension, 2), finite: the smallest and largest value of each coordinate.
        lipschitz: L > 0: |f(x) - f(y)| <= L |x - y| in the whole box, in Euclidean length. The proof rests on it.
        gradient: From float64 (dimension,) to (dimension,); None looks for the nearest border on all sides. It
            decides where samples are taken, never what is proven, except that one longer than L is an error. Its
            calls are not counted as evaluations.
        start: The first sample, a point of the box; None for the middle.
        rho: In [0, 1): the larger, the closer the proven bound and the more samples.
        max_evaluations: Of the function, at least 1.
        max_seconds: Looked at between samples, of which one in four dimensions can take a second; None for no limit.
        tolerance: > 0, in the unit of f: a gap that is small enough to stop. No ball is smaller than tolerance / L.
        bound: `balls` or `sawtooth`.
        callback: Called with a `SearchProgress` after every sample; the search stops if it returns True.

    Returns:
        A `SearchResult`. `result.certificate.covered` says whether the search came to its end.

    Raises:
        ValueError: For an argument out of its range; a value that is not finite, or negative with `balls`; two
            samples that are steeper than L, or a gradient longer than L.

    References:
        Z. Zhang, Y. Wu, G. Wang, *BPGrad: Towards Global Optimality in Deep Learning via Branch and Pruning*, 2018,
        arXiv:1711.06959, Algorithm 1, Theorem 2. S. A. Piyavskii, *An algorithm for finding the absolute extremum of
        a function*, 1972; B. O. Shubert, *A sequential method seeking the global maximum of a function*, 1972.

    Example:

    >>> result = branch_and_prune(lambda x: abs(x[0] - 2) + 1, [(0, 5)], lipschitz=1, rho=0.5)
    >>> result.minimum, result.certificate.lower_bound, result.certificate.evaluations
    (1.25, 0.625, 5)
    """
    low, high = checked_box(bounds)
    check_search(lipschitz, rho, tolerance, max_evaluations, max_seconds, bound)
    check_resolution(tolerance, lipschitz, low, high)
    point = checked_start(start, low, high)
    rule = BorderRule(rho, tolerance, gradient, lipschitz) if bound == "balls" else LowestRule(tolerance)
    samples = Samples(function, lipschitz, non_negative=bound == "balls")
    cover, deadline = make_cover(low, high, lipschitz), time.monotonic() + (max_seconds or np.inf)
    history, stopped = [], None
    while not stopped:
        sample, value = point, samples.take(point)
        cover.add(sample, value)
        smallest = min(value, history[-1].upper_bound) if history else value
        target = rule.target(smallest)
        point = rule.next_sample(cover, sample, target)
        proven = rule.lower_bound(cover, target)
        history.append(SearchProgress(len(samples), sample, value, target, proven, smallest))
        asked_to_stop = callback is not None and callback(history[-1])
        stopped = _reason_to_stop(point, asked_to_stop, len(samples) >= max_evaluations, deadline)
    certificate = _certificate(samples, cover, rule, target, complete=point is None)
    targets = np.array([step.target for step in history])
    lower_bounds = np.array([*(step.lower_bound for step in history[:-1]), certificate.lower_bound])
    return SearchResult(certificate, targets, lower_bounds, stopped)


def _reason_to_stop(point, asked_to_stop, spent, deadline):
    if point is None:
        return "covered"
    if asked_to_stop:
        return "callback"
    if spent:
        return "evaluations"
    return "seconds" if time.monotonic() >= deadline else None


def _certificate(samples, cover, rule, target, *, complete):
    cover.tighten(target, _FINE)
    # Splits boxes, which may raise the lower bound.
    share = cover.covered_share(target)
    lower_bound = rule.lower_bound(cover, target)
    return Certificate(
        samples.points,
        samples.values,
        cover.low,
        cover.high,
        samples.lipschitz,
        target,
        lower_bound,
        complete or bool(lower_bound >= target),
        share,
    )


class BorderRule:
    """Algorithm 1: sample the border of what the balls of radii (f_i - rho min f) / L leave uncovered.

    Args:
        rho: In [0, 1).
        tolerance: > 0: the target stays this far below min f, or a minimum of 0 would never be covered.
        gradient: From float64 (dimension,) to (dimension,), or None.
        lipschitz: L; a longer gradient is an error.
    """

    def __init__(self, rho, tolerance, gradient, lipschitz):
        self.rho, self.tolerance, self.gradient, self.lipschitz = rho, tolerance, gradient, lipschitz

    def target(self, smallest):
        """Return the lower bound to prove when `smallest` is the smallest value so far."""
        return min(self.rho * smallest, smallest - self.tolerance)

    def next_sample(self, cover, sample, target):
        """Return the sample after `sample`, or None if the cover is complete."""
        return cover.next_border(sample, self._descent(sample), target)

    def lower_bound(self, cover, target):
        """Return what is proven: Wu's bound, rho min f, once all is covered, though samples may prove more."""
        return min(cover.lower_bound(), target)

    def _descent(self, sample):
        """Return the direction of minus the gradient, None where there is none."""
        if self.gradient is None:
            return None
        slope = np.asarray(self.gradient(sample.copy()), dtype=np.float64).ravel()
        if slope.shape != sample.shape or not np.isfinite(slope).all():
            raise ValueError(
                f"`gradient` must return {len(sample)} finite numbers. "
                f"Received: gradient({sample.tolist()}) = {slope.tolist()}"
            )
        length = np.linalg.norm(slope)
        if length > self.lipschitz * (1 + _ROUNDING):
            raise ValueError(
                f"`lipschitz` must be at least {rounded_up(length)}, the length of the gradient at {sample.tolist()}. "
                f"Received: lipschitz={self.lipschitz}"
            )
        return -slope / length if length > 0 else None


class LowestRule:
    """Piyavskii and Shubert: sample where the sawtooth below the function is lowest.

    Args:
        tolerance: > 0: the gap that is small enough.
    """

    def __init__(self, tolerance):
        self.tolerance = tolerance

    def target(self, smallest):
        """Return the lower bound to prove when `smallest` is the smallest value so far."""
        return smallest - self.tolerance

    def next_sample(self, cover, sample, target):
        """Return the sample after `sample`, or None if the gap is small enough."""
        return cover.next_lowest(target)

    def lower_bound(self, cover, target):
        """Return what is proven."""
        return cover.lower_bound()


def checked_box(bounds):
    """Return the corners of a box, float64 (dimension,) each; ValueError unless it is finite and not inverted."""
    box = np.asarray(bounds, dtype=np.float64)
    if box.ndim != 2 or box.shape[1] != 2 or not len(box):
        raise ValueError(
            f"`bounds` must have one pair (low, high) for each coordinate. Received: bounds={bounds}"
        )
    if not np.isfinite(box).all() or (box[:, 0] >= box[:, 1]).any():
        raise ValueError(
            "`bounds` must be finite, with low < high in every coordinate: the search covers the whole box. "
            f"Received: bounds={box.tolist()}"
        )
    return box[:, 0].copy(), box[:, 1].copy()


def checked_start(start, low, high):
    """Return the first sample, float64 (dimension,); the middle of the box for None."""
    if start is None:
        return (low + high) / 2
    point = np.atleast_1d(np.asarray(start, dtype=np.float64))
    if point.shape != low.shape or not ((low <= point) & (point <= high)).all():
        box = np.stack([low, high], axis=1).tolist()
        raise ValueError(f"`start` must be a point of the box {box}. Received: start={start}")
    return point


def check_search(lipschitz, rho, tolerance, max_evaluations, max_seconds, bound):
    """Raise ValueError for a number out of its range or an unknown kind of bound."""
    _check_positive(lipschitz=lipschitz, tolerance=tolerance)
    if not 0 <= rho < 1:
        raise ValueError(f"`rho` must be in [0, 1). Received: rho={rho}")
    if not max_evaluations >= 1 or max_evaluations % 1:
        raise ValueError(
            f"`max_evaluations` must be a positive integer. Received: max_evaluations={max_evaluations}"
        )
    if max_seconds is not None:
        _check_positive(max_seconds=max_seconds)
    if bound not in BOUNDS:
        raise ValueError(f"`bound` must be one of {BOUNDS}. Received: bound={bound!r}")


def check_resolution(tolerance, lipschitz, low, high):
    """Raise ValueError for a tolerance whose balls are no larger than the rounding of a coordinate."""
    least = _RESOLUTION * lipschitz * float(np.linalg.norm(high - low))
    if tolerance < least:
        raise ValueError(
            f"`tolerance` must be at least {least:.2g} for this box and L, which is what double precision can prove. "
            f"Received: tolerance={tolerance}"
        )


def _check_positive(**values):
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"`{name}` must be a finite number > 0. Received: {name}={value}")
