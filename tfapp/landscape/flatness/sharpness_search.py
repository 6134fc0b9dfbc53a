"""Search for the highest loss within a box around one solution."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from scipy.optimize import Bounds, minimize

from tfapp.errors import InputError
from tfapp.landscape.flatness.boxes import (
    FullSpace,
    RandomSubspace,
    filter_width,
    keskar_width,
    relative_width,
)
from tfapp.landscape.flatness.derivatives import flatten, make_gradient
from tfapp.landscape.flatness.hessian import finite_centre
from tfapp.landscape.flatness.slopes import warn_of_gradient
from tfapp.landscape.samples import Batches

#     phi = 100 * (max over z in C of f(x + A z) - f(x)) / (1 + f(x)),      C = {|z_i| <= eps (|(A^+ x)_i| + 1)}
#
# with A the identity (all weights), or random columns (a subspace). Lu and Tong leave out both added ones and the
# percent: phi = (max - f(x)) / f(x) over |z_i| <= eps |(A^+ x)_i|. The maximum is not known: what is given is the
# higher of two climbs, which is a lower bound.
#
# References:
#     N. S. Keskar, D. Mudigere, J. Nocedal, M. Smelyanskiy, P. T. P. Tang, "On Large-Batch Training for Deep
#     Learning: Generalization Gap and Sharp Minima", ICLR 2017, arXiv:1609.04836, eqs. (3), (4).
#     Jianjie Lu, Kai-yu Tong, "Visualized Insights into the Optimization Landscape of Fully Convolutional
#     Networks", arXiv, January 2019, eqs. (3), (4), and the sentence behind them on the added ones.
LU_TONG = "lu-tong"
# What a descent is told of a loss that is not finite: very bad, and no slope to follow.
_WORST = 1e100


@dataclass(frozen=True)
class Climb:
    """What one way of climbing found.

    Attributes:
        value: phi, >= 0; in percent but for the box of Lu and Tong.
        evaluations: of the loss and its gradient over all data.
        iterations: of the climb.
        message: why it ended.
    """

    value: float
    evaluations: int
    iterations: int
    message: str


@dataclass(frozen=True)
class Trial:
    """One repeat: its own random start, and its own random subspace if there is one.

    Attributes:
        lbfgsb, signs: the two climbs.
        active_share: share of the coordinates that are at the border of the box at the higher of the two points.
    """

    lbfgsb: Climb
    signs: Climb
    active_share: float

    @classmethod
    def from_json(cls, stored: dict) -> "Trial":
        """Return what `dataclasses.asdict` made a dictionary of."""
        return cls(Climb(**stored["lbfgsb"]), Climb(**stored["signs"]), stored["active_share"])

    @property
    def value(self) -> float:
        """phi, the larger of both: a lower bound."""
        return max(self.lbfgsb.value, self.signs.value)

    @property
    def evaluations(self) -> int:
        return self.lbfgsb.evaluations + self.signs.evaluations


@dataclass(frozen=True)
class Sharpness:
    """Sharpness for one size of the box.

    Attributes:
        eps: the size.
        loss: f(x), the loss of the solution.
        trials: the repeats.
        box: `keskar`, `filter` or `lu-tong`.
    """

    eps: float
    loss: float
    trials: tuple[Trial, ...]
    box: str = "keskar"

    @property
    def unit(self) -> str:
        """`%` of 1 + f(x), or `times f(x)` for the box of Lu and Tong."""
        return unit_of(self.box)

    @property
    def values(self) -> np.ndarray:
        """float64 (repeats,): phi of every trial, in `unit`s."""
        return np.array([trial.value for trial in self.trials])

    @property
    def mean(self) -> float:
        return float(self.values.mean())

    @property
    def spread(self) -> float:
        """Standard deviation over the trials (n - 1), NaN for one."""
        return float(self.values.std(ddof=1)) if len(self.trials) > 1 else float("nan")

    @property
    def evaluations(self) -> int:
        return sum(trial.evaluations for trial in self.trials)

    @property
    def active_share(self) -> float:
        """Mean over the trials."""
        return float(np.mean([trial.active_share for trial in self.trials]))


def unit_of(box: str) -> str:
    """Return the unit of phi: percent of 1 + f(x) as Keskar et al. have it, or multiples of f(x)."""
    return "times f(x)" if box == LU_TONG else "%"


def relative_rise(highest: float, loss: float, box: str = "keskar") -> float:
    """Return phi for the highest loss that was seen; the solution itself is in the box.

    Args:
        highest, loss: the highest loss, and that of the solution.
        box: `keskar` or `filter`: in percent of 1 + loss; `lu-tong`: a multiple of the loss.

    >>> relative_rise(3.0, 1.0), relative_rise(3.0, 1.0, "lu-tong")
    (100.0, 2.0)
    """
    rise = max(highest, loss) - loss
    return rise / loss if box == LU_TONG else 100.0 * rise / (1.0 + loss)


class Neighbourhood:
    """The loss around a solution, over boxes of any size.

    Args:
        model: a model that `prepare` accepted.
        batches: the data.
        box, subspace, columns, iterations, seed, regularisation: those of `sharpness`.

    Attributes:
        loss: f(x), the loss of the solution.
        evaluations: number of evaluations that a trial usually takes.

    Raises:
        InputError: f(x) is not finite, is <= -1 or for the box `"lu-tong"` <= 0, or the model has no filters for the
            box `"filter"`.
    """

    def __init__(
        self,
        model: keras.Model,
        batches: Batches,
        *,
        box,
        subspace,
        columns,
        iterations,
        seed,
        regularisation,
    ):
        self._weights = flatten(model.trainable_variables)
        self._box = box
        self._filter_width = filter_width(model) if box == "filter" else None
        self._subspace, self._columns = subspace, columns
        self._iterations, self._seed = iterations, seed
        self._repeat = None
        self._gradient = make_gradient(model, batches, regularisation=regularisation)
        self.loss = finite_centre(self._at(np.zeros_like(self._weights))[0])
        if box == LU_TONG and self.loss <= 0:
            raise InputError(
                f"Expected a loss above 0, because the sharpness of Lu and Tong is relative to f(x). Received: "
                f"f(x)={self.loss:g}; take the box 'keskar', or a loss that cannot be 0."
            )
        if self.loss <= -1:
            raise InputError(
                f"Expected a loss above -1, because sharpness is relative to 1 + f(x). Received: f(x)={self.loss:g}."
            )
        warn_of_gradient(model, self._gradient, "Sharpness")
        self.evaluations = 2 * iterations + 2

    def trial(self, eps: float, repeat: int, count: Callable[[int], None]) -> Trial:
        """Climb twice from a random point of the box.

        Args:
            eps: its size.
            repeat: number of the trial, which decides the point and the subspace, whatever `eps` is.
            count: called with the number of evaluations so far after each.
        """
        self._go_to(repeat)
        width = eps * self._width
        start = np.random.default_rng([self._seed, repeat]).uniform(-1.0, 1.0, len(width)) * width
        seen = 0

        def objective(z):
            nonlocal seen
            loss, gradient = self._at(self._space.lift(z))
            seen += 1
            count(seen)
            return loss, self._space.pull(gradient)

        climbs = [
            climb(objective, start, width, self._iterations) for climb in (maximise_lbfgsb, maximise_by_signs)
        ]
        highest = max(climbs, key=lambda climb: climb.value)
        figures = [
            Climb(
                relative_rise(climb.value, self.loss, self._box),
                climb.evaluations,
                climb.iterations,
                climb.message,
            )
            for climb in climbs
        ]
        return Trial(*figures, active_share(highest.point, width))

    def _go_to(self, repeat):
        """Draw the subspace of a repeat, and the box in it for eps = 1."""
        if repeat == self._repeat:
            return
        self._space = (
            FullSpace(len(self._weights))
            if self._subspace is None
            else RandomSubspace(len(self._weights), self._subspace, [self._seed, repeat], self._columns)
        )
        self._width = self._filter_width
        if self._width is None:
            of_coordinates = relative_width if self._box == LU_TONG else keskar_width
            self._width = of_coordinates(self._space.coordinates(self._weights))
        self._repeat = repeat

    def _at(self, displacement):
        loss, gradient = self._gradient(tf.constant(displacement))
        return float(loss), gradient.numpy()


# Both look for the largest value of a function over |z_i| <= width_i and stop after a few steps, so that what
# they find is a lower bound of the maximum.


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
