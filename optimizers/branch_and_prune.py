"""Branch and prune: an exact global search that ends with a certificate."""

import time

import numpy as np

from tfapp.optimizers.certificate import Certificate, make_cover
from tfapp.optimizers.samples import Samples
from tfapp.optimizers.search_arguments import check_resolution, check_search, checked_box, checked_start
from tfapp.optimizers.search_result import SearchProgress, SearchResult
from tfapp.optimizers.search_rules import BorderRule, LowestRule

# The share of the gap that boxes may take away from the last lower bound.
_FINE = 0.05


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
