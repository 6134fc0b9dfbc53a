"""Global searches side by side on functions whose minimum is known, by evaluations of the function."""

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from tfapp.optimizers import Certificate, branch_and_prune
from tfapp.solvers.search.functions import AnalyticFunction
from tfapp.solvers.search.lipo import adalipo, lipo


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
