"""Functions with a known minimum and a known Lipschitz constant, to compare solvers on."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# The roots of tan x = -x at which x sin x has its two minima on [0, 4 pi].
_NEAR_MINIMISER, _FAR_MINIMISER = 4.913180439434884, 11.085538406497022
_CHAPTER = "Y. Wu, dissertation, chapter 3; the minimiser is a root of tan x = -x"


@dataclass(frozen=True)
class AnalyticFunction:
    """A function on a box.

    Attributes:
        name: For the command line.
        formula: For people.
        function: From float64 (..., dimension) to (...).
        gradient: From float64 (..., dimension) to (..., dimension).
        bounds: One (low, high) for each coordinate.
        lipschitz: Upper bound of the gradient's length in the box.
        start: The first point of a solver.
        minimiser: Where the function is smallest in the box.
        source: Of the formula and of the minimiser.
    """

    name: str
    formula: str
    function: Callable
    gradient: Callable
    bounds: tuple[tuple[float, float], ...]
    lipschitz: float
    start: tuple[float, ...]
    minimiser: tuple[float, ...]
    source: str

    @property
    def minimum(self) -> float:
        return float(self.function(np.array(self.minimiser)))

    @property
    def dimension(self) -> int:
        return len(self.bounds)


def sines(dimension: int) -> AnalyticFunction:
    """Return sum_i x_i sin x_i + 15 n on [0, 4 pi]^n, f3 in n variables: 2^n minima, one of them global."""
    return AnalyticFunction(
        name=f"sines-{dimension}",
        formula=f"Σ xᵢ sin xᵢ + {15 * dimension}, {dimension} variables",
        function=_sum_of_sines(15.0 * dimension),
        gradient=_sines_gradient,
        bounds=((0.0, 4 * math.pi),) * dimension,
        lipschitz=4 * math.pi * math.sqrt(dimension),
        start=(2.5,) * dimension,
        minimiser=(_FAR_MINIMISER,) * dimension,
        source=_CHAPTER,
    )


def _sum_of_sines(offset):
    return lambda x: (x * np.sin(x)).sum(axis=-1) + offset


def _sines_gradient(x):
    return np.sin(x) + x * np.cos(x)


def _on_a_line(name, offset, high, minimiser):
    # |sin x + x cos x| is largest at 4 pi, where it is 4 pi; Wu (2020) takes that for all three.
    return AnalyticFunction(
        name=name,
        formula=f"x sin x + {offset:g}",
        function=_sum_of_sines(offset),
        gradient=_sines_gradient,
        bounds=((0.0, high),),
        lipschitz=4 * math.pi,
        start=(2.5,),
        minimiser=(minimiser,),
        source=_CHAPTER,
    )


def _rosenbrock(x):
    return (1 - x[..., 0]) ** 2 + 100 * (x[..., 1] - x[..., 0] ** 2) ** 2


def _rosenbrock_gradient(x):
    height = x[..., 1] - x[..., 0] ** 2
    return np.stack([-400 * x[..., 0] * height - 2 * (1 - x[..., 0]), 200 * height], axis=-1)


ROSENBROCK = AnalyticFunction(
    name="rosenbrock",
    formula="(1 - x)² + 100 (y - x²)²",
    function=_rosenbrock,
    gradient=_rosenbrock_gradient,
    # No power of two divides the sides at the minimiser: halving boxes must not hit it by luck.
    bounds=((-1.5, 2.0), (-0.5, 3.0)),
    # The gradient is longest in the corner (2, -0.5): (3602, -900).
    lipschitz=3713.0,
    start=(-1.2, 2.5),
    minimiser=(1.0, 1.0),
    source="H. H. Rosenbrock, An automatic method for finding the greatest or least value of a function, 1960",
)
FUNCTIONS = {
    function.name: function
    for function in (
        _on_a_line("f1", 4.815, 8.0, _NEAR_MINIMISER),
        _on_a_line("f2", 11.05, 4 * math.pi, _FAR_MINIMISER),
        _on_a_line("f3", 15.0, 4 * math.pi, _FAR_MINIMISER),
        ROSENBROCK,
        sines(2),
        sines(3),
        sines(4),
    )
}
