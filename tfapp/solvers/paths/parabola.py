"""Ellipsoidal parabola f(w) = w'Hw / 2: what a learning rate does, and what line search and momentum do."""

import math
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from tfapp.report.figures import save_png
from tfapp.report.result_table import ResultTable
from tfapp.solvers.paths.figures import draw_contours, mark_ends
from tfapp.solvers.paths.paths import PathSolver, SolverPath, trace_path

CURVATURES = (1.0, 10.0)
MINIMISER = (0.0, 0.0)
CRITICAL_RATE = 2 / max(CURVATURES)
NOTE = (
    "What the loss is multiplied with, in the long run: Y. Nesterov, Introductory Lectures on Convex Optimization, "
    "2004, section 2.1.5 (fixed rate); D. G. Luenberger, Y. Ye, Linear and Nonlinear Programming, section 8.2 (line "
    "search); B. T. Polyak, Some methods of speeding up the convergence of iteration methods, 1964 (momentum, whose "
    "factor is reached slowly)."
)


@dataclass(frozen=True)
class Parabola:
    """The parabola f(w) = w'Hw / 2 of curvatures 1 and 10.

    Attributes:
        angle: By how much its axes are turned from the coordinates, in radians. Turned, a rate for each coordinate is
            of no help by itself.
    """

    angle: float = 0.0

    @property
    def axes(self):
        """Its axes as columns, the flat one first."""
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        return np.array([[cosine, -sine], [sine, cosine]])

    @property
    def hessian(self):
        """H, float64 (2, 2)."""
        return self.axes @ np.diag(CURVATURES) @ self.axes.T

    def at(self, along, across):
        """Return the point at these places along its flat and its steep axis."""
        return tuple(self.axes @ (along, across))

    @property
    def start(self):
        """Where paths begin."""
        return self.at(2.0, 1.0)

    @property
    def worst_start(self):
        """In the direction (kappa, 1), from which each step of line search gains as little as it can."""
        return self.at(*(np.array(CURVATURES[::-1]) / 5))

    def value(self, points):
        """Return f, from (..., 2) to (...)."""
        return 0.5 * np.einsum("...i,ij,...j->...", points, self.hessian, points)

    def tensor_value(self, point):
        """Return f of a float64 tensor (2,), which TensorFlow differentiates."""
        return 0.5 * tf.tensordot(point, tf.linalg.matvec(tf.constant(self.hessian), point), 1)


ON_ITS_AXES, TURNED = Parabola(), Parabola(math.pi / 6)


@dataclass(frozen=True, eq=False)
class Descent:
    """A path down the parabola and how fast theory says that it is.

    Attributes:
        path: The `SolverPath`.
        factor: What the loss is multiplied with in an update, in the long run.
    """

    path: SolverPath
    factor: float

    @property
    def measured_factor(self):
        """Mean factor over the last quarter of the updates."""
        losses = self.path.losses[-1 - len(self.path.losses) // 4 :]
        return float((losses[-1] / losses[0]) ** (1 / (len(losses) - 1)))


def line_search_path(parabola, start, steps) -> SolverPath:
    """Return the path of steepest descent with exact line search, whose step along g is g'g / g'Hg."""
    hessian, points = parabola.hessian, [np.array(start, np.float64)]
    for _ in range(steps):
        gradient = hessian @ points[-1]
        curvature = gradient @ hessian @ gradient
        step = gradient @ gradient / curvature if curvature > 0 else 0.0
        points.append(points[-1] - step * gradient)
    solver = PathSolver("sgd", "exact line search", "g'g / g'Hg", lambda: None)
    return SolverPath(solver, np.array(points), parabola.value(np.array(points)))


def descents(parabola=TURNED, steps=40) -> list[Descent]:
    """Return gradient descent below, at and above the critical rate 2 / lambda_max, line search, and momentum."""
    small, large = CURVATURES
    ratio = math.sqrt(large / small)
    momentum = ((ratio - 1) / (ratio + 1)) ** 2
    fixed = [
        ("a quarter of the critical rate", CRITICAL_RATE / 4),
        ("half of it: 1 / λmax", CRITICAL_RATE / 2),
        ("the best one: 2 / (λmin + λmax)", 2 / (small + large)),
        ("the critical rate: 2 / λmax", CRITICAL_RATE),
        ("5 % above it", 1.05 * CRITICAL_RATE),
    ]
    found = [_gradient_descent(parabola, title, rate, steps) for title, rate in fixed]
    found.append(Descent(line_search_path(parabola, parabola.worst_start, steps), line_search_factor()))
    rate = 4 / (math.sqrt(small) + math.sqrt(large)) ** 2
    text = f"rate {rate:.4g}, μ = {momentum:.4g}"
    solver = PathSolver(
        "sgd-momentum", "the best momentum", text, lambda: keras.optimizers.SGD(rate, momentum=momentum)
    )
    return [*found, Descent(trace_path(parabola.tensor_value, parabola.start, solver, steps), momentum)]


def line_search_factor() -> float:
    """Return ((kappa - 1) / (kappa + 1))^2, the most that an exact line search leaves of the loss."""
    kappa = max(CURVATURES) / min(CURVATURES)
    return ((kappa - 1) / (kappa + 1)) ** 2


def _gradient_descent(parabola, title, rate, steps):
    solver = PathSolver("sgd", title, f"rate {rate:.4g}", lambda: keras.optimizers.SGD(rate))
    factor = max((1 - rate * curvature) ** 2 for curvature in CURVATURES)
    return Descent(trace_path(parabola.tensor_value, parabola.start, solver, steps), factor)


_HEADER = ("gradient descent with", "parameters", "loss × per update", "measured", "loss at the end")


def rates_table(found) -> ResultTable:
    """Return a row for each `Descent`: what it leaves of the loss at every update, in theory and measured."""
    rows = [
        (
            descent.path.solver.title,
            descent.path.solver.parameters,
            f"{descent.factor:.4g}",
            f"{descent.measured_factor:.4g}",
            f"{descent.path.losses[-1]:.3g}",
        )
        for descent in found
    ]
    return ResultTable(_HEADER, rows)


WINDOW = ((-2.4, 2.4), (-2.4, 2.4))
_COLUMNS = 4


def save_descents_png(parabola, found, path, title=None) -> None:
    """Draw each descent over the contours, and the losses of all over the updates.

    Args:
        parabola: The `Parabola`.
        found: `tfapp.solvers.paths.parabola.Descent`s.
        path: PNG file, written by write-then-rename.
        title: Line above the figure, or None.
    """
    save_png(draw_descents(parabola, found, title), path)


def draw_descents(parabola, found, title=None) -> Figure:
    """Return the figure that `save_descents_png` saves."""
    rows = math.ceil((len(found) + 1) / _COLUMNS)
    figure = Figure(figsize=(0.4 + 3.6 * _COLUMNS, 0.6 + 4.1 * rows), layout="constrained")
    panels = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for number, (axes, descent) in enumerate(zip(panels, found, strict=False)):
        _draw(parabola, axes, descent, number)
    _draw_losses(panels[len(found)], found)
    for axes in panels[len(found) + 1 :]:
        axes.set_axis_off()
    if title:
        figure.suptitle(title)
    return figure


def _draw(parabola, axes, descent, number):
    path = descent.path
    draw_contours(axes, parabola.value, WINDOW, MINIMISER, points=80)
    axes.plot(*path.points.T, ".-", color=f"C{number}", lw=1.1, ms=5, zorder=3)
    mark_ends(axes, [path], MINIMISER)
    axes.set_title(f"{path.solver.title}\n{path.solver.parameters}", fontsize=10, color=f"C{number}")


def _draw_losses(axes, found):
    for number, descent in enumerate(found):
        axes.semilogy(descent.path.losses, color=f"C{number}", lw=1.5)
    axes.set(xlabel="update", ylim=(1e-8, 1e3), box_aspect=1)
    axes.set_title("f − f*,\nin the colours of the panels", fontsize=10)
    axes.grid(alpha=0.3)
