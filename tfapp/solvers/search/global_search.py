"""Global searches side by side on functions whose minimum is known, by evaluations of the function."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from tfapp.optimizers import Certificate, branch_and_prune
from tfapp.solvers.search.functions import AnalyticFunction


@dataclass(frozen=True)
class SearchTrace:
    """One search.

    Attributes:
        function: Name of the function.
        method: Name of the method.
        seed: Of a random method, else None.
        errors: float64 (evaluations,): every value minus the known minimum, in order.
        certificate: What a method with a certificate proved, else None.
    """

    function: str
    method: str
    seed: int | None
    errors: np.ndarray
    certificate: Certificate | None

    @property
    def best_errors(self) -> np.ndarray:
        """float64 (evaluations,): the smallest error so far, which is 0 where rounding makes it negative."""
        return np.maximum(np.minimum.accumulate(self.errors), 0.0)

    def evaluations_to(self, gap: float) -> float:
        """Return how many evaluations it took to come within `gap` of the minimum, infinity if it did not."""
        reached = self.best_errors <= gap
        return float(reached.argmax() + 1) if reached.any() else float("inf")


class _BudgetSpent(Exception):
    """Ends a search of SciPy: not all of them keep to a number of evaluations."""


class _Counted:
    """The function, which keeps every value and refuses the one after the last of the budget."""

    def __init__(self, function, budget):
        self.function, self.budget, self.values = function, budget, []

    def __call__(self, point):
        if len(self.values) == self.budget:
            raise _BudgetSpent
        self.values.append(float(self.function(np.asarray(point, dtype=np.float64))))
        return self.values[-1]


def _algorithm_1(rho):
    def search(function, counted, seed, finest):
        return _certified(function, counted, rho=rho, tolerance=finest)

    return search


def _piyavskii_shubert(function, counted, seed, finest):
    return _certified(function, counted, bound="sawtooth", tolerance=finest)


def _certified(function, counted, **options):
    given = {"gradient": function.gradient, "start": function.start, "max_evaluations": counted.budget}
    return branch_and_prune(counted, function.bounds, function.lipschitz, **given, **options).certificate


def _lipo(function, counted, seed, finest):
    lipo(counted, function.bounds, function.lipschitz, max_evaluations=counted.budget, seed=seed)


def _adalipo(function, counted, seed, finest):
    adalipo(counted, function.bounds, max_evaluations=counted.budget, seed=seed)


def _shgo(function, counted, seed, finest):
    optimize.shgo(counted, function.bounds)


def _direct(function, counted, seed, finest):
    optimize.direct(counted, function.bounds, maxfun=counted.budget)


# Name: whether it is random, and the search.
METHODS = {
    "Algorithm 1, ρ = 0.1": (False, _algorithm_1(0.1)),
    "Algorithm 1, ρ = 0.99": (False, _algorithm_1(0.99)),
    "Piyavskii-Shubert": (False, _piyavskii_shubert),
    "LIPO": (True, _lipo),
    "AdaLIPO": (True, _adalipo),
    "SHGO": (False, _shgo),
    "DIRECT": (False, _direct),
}


def run_search(
    function: AnalyticFunction, method: str, *, budget: int, seed: int, finest: float
) -> SearchTrace:
    """Let one method minimise one function.

    Args:
        function: To minimise.
        method: A name in `METHODS`.
        budget: Evaluations of the function, those of difference quotients included.
        seed: For a random method.
        finest: The gap to prove, where a method proves one.

    Returns:
        A `SearchTrace`.
    """
    is_random, search = METHODS[method]
    counted, certificate = _Counted(function.function, budget), None
    try:
        certificate = search(function, counted, seed, finest)
    except _BudgetSpent:
        pass
    errors = np.array(counted.values) - function.minimum
    return SearchTrace(function.name, method, seed if is_random else None, errors, certificate)


def compare_searches(
    functions, *, budget=1000, seeds=range(10), finest=1e-3, progress=lambda done, total: None
):
    """Let every method minimise every function; random methods once for each seed.

    Args:
        functions: `AnalyticFunction`s.
        budget: Evaluations of each search.
        seeds: Of the random methods.
        finest: The gap to prove, where a method proves one.
        progress: Called with the searches done and their total.

    Returns:
        List of `SearchTrace`s.
    """
    jobs = [
        (function, method, seed)
        for function in functions
        for method, (is_random, _) in METHODS.items()
        for seed in (seeds if is_random else (0,))
    ]
    traces = []
    for function, method, seed in jobs:
        traces.append(run_search(function, method, budget=budget, seed=seed, finest=finest))
        progress(len(traces), len(jobs))
    return traces


# Reference:
#     C. Malherbe, N. Vayatis, "Global optimization of Lipschitz functions", ICML 2017, arXiv:1703.02628, Algorithms 1
#     and 2, here for minimisation.

# Candidates drawn for one sample before the region that is left counts as lost.
MOST_CANDIDATES = 50_000
_BATCH = 250


def lipo(function, bounds, lipschitz, *, max_evaluations, seed=0):
    """Evaluate a function at uniform random points, of those where an L-Lipschitz function may still be smaller.

    A point x is left out if max_i (f_i - L |x - x_i|) > min_i f_i: the sawtooth below the function is above the
    smallest value already.

    Args:
        function: From float64 (dimension,) to a number.
        bounds: (dimension, 2), the smallest and largest value of each coordinate.
        lipschitz: L > 0.
        max_evaluations: Of the function.
        seed: Of the points.

    Returns:
        (points, values), float64 (evaluations, dimension) and (evaluations,). Fewer than `max_evaluations` if 50,000
        points in succession were left out.
    """
    draw = _Draws(bounds, seed)
    points, values = [draw.anywhere()], []
    while points[-1] is not None:
        values.append(float(function(points[-1])))
        if len(values) == max_evaluations:
            break
        points.append(draw.promising(np.array(points), np.array(values), lipschitz))
    return np.array(points[: len(values)]), np.array(values)


def adalipo(function, bounds, *, max_evaluations, seed=0, exploration=0.1, growth=None):
    """LIPO with a Lipschitz constant that is estimated on the way.

    With probability `exploration` the next point is uniform in the whole box; otherwise it is one of LIPO's with
    the smallest constant of the form (1 + growth)^i that no two samples contradict.

    Args:
        function: From float64 (dimension,) to a number.
        bounds: (dimension, 2), the smallest and largest value of each coordinate.
        max_evaluations: Of the function.
        seed: Of the points.
        exploration: p in (0, 1]; the authors' value.
        growth: > 0; None for the authors' 0.01 / dimension.

    Returns:
        (points, values), as `lipo` returns them.
    """
    draw, growth = _Draws(bounds, seed), growth or 0.01 / len(bounds)
    points, values, steepest = [draw.anywhere()], [], 0.0
    while points[-1] is not None:
        values.append(float(function(points[-1])))
        if len(values) == max_evaluations:
            break
        x, f = np.array(points), np.array(values)
        steepest = max(steepest, _steepest_to_last(x, f))
        explore = draw.random.random() < exploration
        points.append(draw.anywhere() if explore else draw.promising(x, f, _on_grid(steepest, growth)))
    return np.array(points[: len(values)]), np.array(values)


def _steepest_to_last(points, values):
    distances = np.linalg.norm(points[:-1] - points[-1], axis=1)
    return float((np.abs(values[:-1] - values[-1]) / distances).max(initial=0.0))


def _on_grid(slope, growth):
    """Return the smallest (1 + growth)^i >= slope, 0 for 0."""
    return (1 + growth) ** math.ceil(math.log(slope) / math.log1p(growth)) if slope > 0 else 0.0


def _distances(candidates, points):
    """Return float64 (candidates, points); one coordinate at a time, which is several times as fast as a norm."""
    return np.sqrt(sum((c[:, None] - p) ** 2 for c, p in zip(candidates.T, points.T, strict=True)))


class _Draws:
    """Random points of a box."""

    def __init__(self, bounds, seed):
        self.low, self.high = np.asarray(bounds, dtype=np.float64).T
        self.random = np.random.default_rng(seed)

    def anywhere(self):
        return self.random.uniform(self.low, self.high)

    def promising(self, points, values, lipschitz):
        """Return the first of a series of uniform points that is not left out, or None."""
        for _ in range(MOST_CANDIDATES // _BATCH):
            candidates = self.random.uniform(self.low, self.high, (_BATCH, len(self.low)))
            promising = (values - lipschitz * _distances(candidates, points)).max(axis=1) <= values.min()
            if promising.any():
                return candidates[promising.argmax()]
        return None
