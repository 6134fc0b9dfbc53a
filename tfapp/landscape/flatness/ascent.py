"""Two ways to climb within a box: L-BFGS-B, and signs of the gradient from vertex to vertex.

Both look for the largest value of a function over |z_i| <= width_i and stop after a few steps, so that what
they find is a lower bound of the maximum.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, minimize

# What a descent is told of a loss that is not finite: very bad, and no slope to follow.
_WORST = 1e100


@dataclass(frozen=True)
class Ascent:
    """The highest point that one climb has seen.

    Attributes:
        value: the function there; -inf if it was finite nowhere.
        point: float64 (d,), within the box.
        evaluations: values and gradients that it took.
        iterations: steps of the climb.
        message: why it ended.
    """

    value: float
    point: np.ndarray
    evaluations: int
    iterations: int
    message: str


def maximise_lbfgsb(
    objective: Callable, start: np.ndarray, width: np.ndarray, iterations: int = 10
) -> Ascent:
    """Climb by L-BFGS-B in the coordinates of z, as Keskar et al. do.

    The coordinates decide: the first step has length 1 in them, far beyond the box of a network's weights,
    while in those of a unit box it is short and ten iterations do not reach the border. All tolerances are
    0, because the gradient at a solution is smaller than SciPy's own, which would end the climb at its start.

    Args:
        objective: z -> (value, gradient), a float and float64 (d,).
        start: float64 (d,) within the box.
        width: float64 (d,) >= 0, half the sides of the box.
        iterations: largest number of iterations, >= 1.
    """
    highest = _Highest(objective, start)

    def descent(z):
        value, gradient = highest(z)
        finite = np.isfinite(value) and np.all(np.isfinite(gradient))
        return (-value, -gradient) if finite else (_WORST, np.zeros_like(z))

    options = {"maxiter": iterations, "ftol": 0.0, "gtol": 0.0}
    found = minimize(
        descent, start, jac=True, method="L-BFGS-B", bounds=Bounds(-width, width), options=options
    )
    return highest.ascent(int(found.nit), str(found.message))


def maximise_by_signs(objective: Callable, start: np.ndarray, width: np.ndarray, steps: int = 10) -> Ascent:
    """Climb to the vertex z = width * sign(gradient), from there to the next one, and keep the highest.

    For a convex function no step goes down (Frank and Wolfe), and in every case it needs no step length.
    Where it ends before its time, it begins once more at the opposite vertex.

    Args:
        objective, start, width: as for `maximise_lbfgsb`.
        steps: largest number of vertices, >= 1.
    """
    highest = _Highest(objective, start)
    _, gradient = highest(start)
    z, ends = start, 0
    for step in range(steps):
        if not np.all(np.isfinite(gradient)):
            return highest.ascent(step, "the loss or its gradient is not finite")
        vertex = np.where(gradient == 0, z, width * np.sign(gradient))
        if np.array_equal(vertex, z):
            ends, vertex = ends + 1, -z
        if ends == 2:
            return highest.ascent(step, "no vertex beside these is higher to first order")
        z = vertex
        _, gradient = highest(z)
    return highest.ascent(steps, "all steps taken")


def active_share(point: np.ndarray, width: np.ndarray) -> float:
    """Return the share of the coordinates that can move which are at the border of the box, in [0, 1]."""
    movable = width > 0
    # L-BFGS-B puts a coordinate on its bound exactly; the margin is for rounding in the caller's products.
    return float(np.mean(np.abs(point[movable]) >= (1 - 1e-9) * width[movable])) if movable.any() else 0.0


class _Highest:
    """Passes a function through and remembers its highest point."""

    def __init__(self, objective, start):
        self._objective = objective
        self._value, self._point = -np.inf, start
        self._evaluations = 0

    def __call__(self, z):
        value, gradient = self._objective(z)
        self._evaluations += 1
        if np.isfinite(value) and value > self._value:
            self._value, self._point = float(value), z.copy()
        return value, gradient

    def ascent(self, iterations, message):
        return Ascent(self._value, self._point, self._evaluations, iterations, message)
