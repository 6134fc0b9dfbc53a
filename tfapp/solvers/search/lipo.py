"""LIPO and AdaLIPO: random search that leaves out where the minimum cannot be.

Reference:
    C. Malherbe, N. Vayatis, "Global optimization of Lipschitz functions", ICML 2017, arXiv:1703.02628, Algorithms 1
    and 2, here for minimisation.
"""

import math

import numpy as np

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
