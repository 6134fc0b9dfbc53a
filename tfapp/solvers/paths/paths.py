"""Keras optimizers on functions of a few variables: where they go, in one TensorFlow loop."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf


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
class Path:
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


def walk(function, start, solver: PathSolver, steps: int) -> Path:
    """Let a solver make `steps` updates in float64.

    Args:
        function: From a float64 tensor (dimension,) to a scalar; TensorFlow differentiates it.
        start: First point (dimension,).
        solver: What walks.
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
    return Path(solver, observed[:, :-1], observed[:, -1])


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
