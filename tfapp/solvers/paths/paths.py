"""Keras optimizers on functions of a few variables: where they go, as arrays, tables and files."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from tfapp.report.result_table import ResultTable
from tfapp.runs.progress import SILENT


@dataclass(frozen=True)
class PathSolver:
    """An optimizer with fixed parameters.

    Attributes:
        name: One of `tfapp.optimizers.SOLVERS`, which decides the colour in figures.
        title: As tables and legends write it.
        parameters: In words, for tables.
        make: Function without arguments that returns a new optimizer.
        dashed: Whether figures dash its line, to tell it from another of the same name.
    """

    name: str
    title: str
    parameters: str
    make: Callable
    dashed: bool = False


@dataclass(frozen=True, eq=False)
class SolverPath:
    """Where a solver went.

    Attributes:
        solver: The `PathSolver`.
        points: float64 (updates + 1, dimension), the start first.
        losses: float64 (updates + 1,), f at the points.
    """

    solver: PathSolver
    points: np.ndarray
    losses: np.ndarray

    @property
    def step_lengths(self):
        """float64 (updates,): how far each update moved the point; of BPGrad without momentum that is eta."""
        return np.linalg.norm(np.diff(self.points, axis=0), axis=1)

    @property
    def diverged(self) -> bool:
        return not np.isfinite(self.points).all() or not np.isfinite(self.losses).all()

    def gaps(self, minimum):
        """Return |f - f*|, float64 (updates + 1,)."""
        return np.abs(self.losses - minimum)

    def updates_to(self, gap, minimum):
        """Return the number of updates after which |f - f*| is below `gap` for the first time, or None."""
        reached = np.flatnonzero(self.gaps(minimum) < gap)
        return int(reached[0]) if len(reached) else None


def trace_path(function, start, solver: PathSolver, steps: int) -> SolverPath:
    """Let a solver make `steps` updates in float64, and return where it went.

    Args:
        function: From a float64 tensor (dimension,) to a scalar; TensorFlow differentiates it.
        start: First point (dimension,).
        solver: The solver.
        steps: Number of updates, at least 1.
    """
    point = keras.Variable(np.asarray(start, np.float64), dtype="float64", name="point")
    observed = follow(
        lambda step: function(point.value),
        [point],
        solver.make(),
        steps,
        lambda: tf.concat([point.value, function(point.value)[None]], 0),
    )
    return SolverPath(solver, observed[:, :-1], observed[:, -1])


def trace_paths(solvers, trace_one, progress=SILENT) -> list[SolverPath]:
    """Return the path of each solver.

    Args:
        solvers: List of `PathSolver`s.
        trace_one: Function of a `PathSolver` to its `SolverPath`.
        progress: `Progress` that shows how many are done.
    """
    found = []
    with progress.task("solvers", len(solvers)) as task:
        for solver in solvers:
            task(len(found), note=solver.title)
            found.append(trace_one(solver))
        task.finish("")
    return found


def follow(loss_of, variables, optimizer, steps, observe):
    """Let an optimizer make `steps` updates, all in one TensorFlow graph.

    Args:
        loss_of: Function of the number of the update, an int32 tensor counted from 0, to the loss, a scalar tensor.
        variables: List of Keras variables, which move.
        optimizer: A Keras optimizer that is new; it is told the loss as `fit()` tells it.
        steps: Number of updates.
        observe: Function without arguments to a tensor.

    Returns:
        What `observe` gave before every update and after the last, an array (steps + 1, ...).
    """
    optimizer.build(variables)

    def update(step, rows):
        rows = rows.write(step, observe())
        with tf.GradientTape() as tape:
            loss = optimizer.scale_loss(loss_of(step))
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        optimizer.apply(gradients, variables)
        return step + 1, rows

    @tf.function(autograph=False)
    def run():
        rows = tf.TensorArray(observe().dtype, steps + 1)
        _, rows = tf.while_loop(lambda step, rows: step < steps, update, (tf.constant(0), rows))
        return rows.write(steps, observe()).stack()

    # Not `run()`: TensorFlow takes one graph after the other for retracing, and warns of it.
    return run.get_concrete_function()().numpy()


def _sum_of_sines(offset):
    return lambda x: tf.reduce_sum(x * tf.sin(x)) + offset


def _rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


# From a vector (dimension,) to a scalar; the formulas of `functions.FUNCTIONS` under the same names.
TENSOR_FUNCTIONS = {
    "f1": _sum_of_sines(4.815),
    "f2": _sum_of_sines(11.05),
    "f3": _sum_of_sines(15.0),
    "rosenbrock": _rosenbrock,
}


GAPS = (1e-2, 1e-6)
_HEADER = ("solver", "parameters", "end", "f − f*", *(f"updates to {gap:g}" for gap in GAPS))


def paths_table(paths, minimum) -> ResultTable:
    """Return a row for each path: where it ends, and after how many updates it is near the minimum.

    Args:
        paths: `SolverPath`s.
        minimum: f*, from which |f - f*| is measured.
    """
    return ResultTable(_HEADER, [_row(path, minimum) for path in paths])


def _row(path, minimum):
    end = "diverged"
    if not path.diverged:
        end = ", ".join(f"{coordinate:.4f}" for coordinate in path.points[-1])
    reached = [path.updates_to(gap, minimum) for gap in GAPS]
    counts = ["–" if count is None else f"{count:,}" for count in reached]
    return path.solver.title, path.solver.parameters, end, f"{path.gaps(minimum)[-1]:.2g}", *counts


def write_paths(paths, path, losses="f") -> None:
    """Write a row for each point of each path: solver, update, coordinates, and the losses in a column of that name."""
    axes = range(1, paths[0].points.shape[1] + 1)
    rows = [
        (one.solver.title, update, *(f"{number:.9g}" for number in (*point, loss)))
        for one in paths
        for update, (point, loss) in enumerate(zip(one.points, one.losses, strict=True))
    ]
    ResultTable(("solver", "update", *(f"x{axis}" for axis in axes), losses), rows).write_csv(path)


def write_losses(paths, path) -> None:
    """Write a row for each update and a column for each solver: the loss."""
    updates = zip(*(one.losses for one in paths), strict=True)
    rows = [(update, *(f"{loss:.9g}" for loss in losses)) for update, losses in enumerate(updates)]
    ResultTable(("update", *(one.solver.title for one in paths)), rows).write_csv(path)
