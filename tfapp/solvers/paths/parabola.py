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

# The ellipse stands askew, so that a rate for each coordinate is of no help by itself.
_ANGLE = math.pi / 6
AXES = np.array([[math.cos(_ANGLE), -math.sin(_ANGLE)], [math.sin(_ANGLE), math.cos(_ANGLE)]])
CURVATURES = (1.0, 10.0)
HESSIAN = AXES @ np.diag(CURVATURES) @ AXES.T
MINIMISER = (0.0, 0.0)
START = tuple(AXES @ (2.0, 1.0))
# From (kappa, 1) in the ellipse's axes each step of line search gains as little as it can.
WORST_START = tuple(AXES @ np.array(CURVATURES[::-1]) / 5)
CRITICAL_RATE = 2 / max(CURVATURES)
NOTE = (
    "What the loss is multiplied with, in the long run: Y. Nesterov, Introductory Lectures on Convex Optimization, "
    "2004, section 2.1.5 (fixed rate); D. G. Luenberger, Y. Ye, Linear and Nonlinear Programming, section 8.2 (line "
    "search); B. T. Polyak, Some methods of speeding up the convergence of iteration methods, 1964 (momentum, whose "
    "factor is reached slowly)."
)


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


def value(points):
    """Return f, from (..., 2) to (...)."""
    return 0.5 * np.einsum("...i,ij,...j->...", points, HESSIAN, points)


def tensor_value(point):
    """Return f of a float64 tensor (2,), which TensorFlow differentiates."""
    return 0.5 * tf.tensordot(point, tf.linalg.matvec(tf.constant(HESSIAN), point), 1)


def line_search_path(start, steps) -> SolverPath:
    """Return the path of steepest descent with exact line search, whose step along g is g'g / g'Hg."""
    points = [np.array(start)]
    for _ in range(steps):
        gradient = HESSIAN @ points[-1]
        curvature = gradient @ HESSIAN @ gradient
        step = gradient @ gradient / curvature if curvature > 0 else 0.0
        points.append(points[-1] - step * gradient)
    solver = PathSolver("sgd", "exact line search", "g'g / g'Hg", lambda: None)
    return SolverPath(solver, np.array(points), value(np.array(points)))


def descents(steps=40) -> list[Descent]:
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
    found = [_gradient_descent(title, rate, steps) for title, rate in fixed]
    found.append(Descent(line_search_path(WORST_START, steps), line_search_factor()))
    rate = 4 / (math.sqrt(small) + math.sqrt(large)) ** 2
    text = f"rate {rate:.4g}, μ = {momentum:.4g}"
    solver = PathSolver(
        "sgd-momentum", "the best momentum", text, lambda: keras.optimizers.SGD(rate, momentum=momentum)
    )
    return [*found, Descent(trace_path(tensor_value, START, solver, steps), momentum)]


def line_search_factor() -> float:
    """Return ((kappa - 1) / (kappa + 1))^2, the most that an exact line search leaves of the loss."""
    kappa = max(CURVATURES) / min(CURVATURES)
    return ((kappa - 1) / (kappa + 1)) ** 2


def _gradient_descent(title, rate, steps):
    solver = PathSolver("sgd", title, f"rate {rate:.4g}", lambda: keras.optimizers.SGD(rate))
    factor = max((1 - rate * curvature) ** 2 for curvature in CURVATURES)
    return Descent(trace_path(tensor_value, START, solver, steps), factor)


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


def save_descents_png(found, path, title=None) -> None:
    """Draw each descent over the contours, and the losses of all over the updates.

    Args:
        found: `tfapp.solvers.paths.parabola.Descent`s.
        path: PNG file, written by write-then-rename.
        title: Line above the figure, or None.
    """
    save_png(draw_descents(found, title), path)


def draw_descents(found, title=None) -> Figure:
    """Return the figure that `save_descents_png` saves."""
    rows = math.ceil((len(found) + 1) / _COLUMNS)
    figure = Figure(figsize=(0.4 + 3.6 * _COLUMNS, 0.6 + 4.1 * rows), layout="constrained")
    panels = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for number, (axes, descent) in enumerate(zip(panels, found, strict=False)):
        _draw(axes, descent, number)
    _draw_losses(panels[len(found)], found)
    for axes in panels[len(found) + 1 :]:
        axes.set_axis_off()
    if title:
        figure.suptitle(title)
    return figure


def _draw(axes, descent, number):
    path = descent.path
    draw_contours(axes, value, WINDOW, MINIMISER, points=80)
    axes.plot(*path.points.T, ".-", color=f"C{number}", lw=1.1, ms=5, zorder=3)
    mark_ends(axes, [path], MINIMISER)
    axes.set_title(f"{path.solver.title}\n{path.solver.parameters}", fontsize=10, color=f"C{number}")


def _draw_losses(axes, found):
    for number, descent in enumerate(found):
        axes.semilogy(descent.path.losses, color=f"C{number}", lw=1.5)
    axes.set(xlabel="update", ylim=(1e-8, 1e3), box_aspect=1)
    axes.set_title("f − f*,\nin the colours of the panels", fontsize=10)
    axes.grid(alpha=0.3)
