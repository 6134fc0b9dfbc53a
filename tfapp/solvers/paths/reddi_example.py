"""A convex problem on which Adam goes to the worst point, and AMSGrad does not."""

import keras
import numpy as np
import tensorflow as tf

from tfapp.report.result_table import ResultTable
from tfapp.solvers.paths.paths import PathSolver, SolverPath, follow

SOURCE = "S. J. Reddi, S. Kale, S. Kumar, On the Convergence of Adam and Beyond, ICLR 2018, arXiv:1904.09237, theorem 1"
TITLE = "A convex problem on which Adam does not converge"
# f_t is 3 x in every third update and -x in the others, on [-1, 1].
STEEP, PERIOD, BEST, WORST = 3.0, 3, -1.0, 1.0
NOTES = (
    f"After {SOURCE}. f_t(x) = 3x in updates 1, 4, 7, ... and -x in the others, on [-1, 1], start 0. In three updates "
    "the losses add up to x, so that -1 is best and 1 is worst. Whoever divides the one large gradient by its own size "
    "and forgets it soon goes by -1 once and by up to 1 twice: to the worst point. AMSGrad never forgets the largest. "
    "Without a mean of gradients RMSProp goes where Adam goes, beneath its line.",
    "The average regret is the mean of f_t(x_t) - f_t(-1) so far. A method that converges has 0 in the end; staying at "
    "1 has 2/3.",
)
_HEADER = ("solver", "parameters", "end", "average regret")


class InverseSquareRoot(keras.optimizers.schedules.LearningRateSchedule):
    """The rate first / sqrt(t) of the update t = 1, 2, ..., as their theorems have it."""

    def __init__(self, first):
        super().__init__()
        self.first = first

    def __call__(self, step):
        return self.first * tf.math.rsqrt(tf.cast(step, tf.float32) + 1.0)

    def get_config(self):
        return {"first": self.first}


def gradient_of(step):
    """Return f_t' of an update counted from 0, an int32 tensor, as float64."""
    return tf.where(step % PERIOD == 0, tf.constant(STEEP, tf.float64), -1.0)


def fit(solver: PathSolver, steps, start=0.0) -> SolverPath:
    """Return the path of a solver, which is set back to [-1, 1] after every update.

    Returns:
        `SolverPath` with the average regret before each update, and after the last, in place of losses.
    """
    point = keras.Variable(np.array([start]), dtype="float64", name="point")
    point.constraint = lambda value: tf.clip_by_value(value, BEST, WORST)
    points = follow(
        lambda step: gradient_of(step) * point.value[0],
        [point],
        solver.make(),
        steps,
        lambda: point.value + 0.0,
    )
    updates = np.arange(steps + 1)
    slopes = np.where(updates % PERIOD == 0, STEEP, -1.0)
    regret = np.cumsum(slopes * (points[:, 0] - BEST)) / (updates + 1)
    return SolverPath(solver, points, regret)


def regrets_table(paths) -> ResultTable:
    """Return a row for each path: where it ends, and its average regret, the smallest first."""
    ranked = sorted(paths, key=lambda path: path.losses[-1])
    rows = [
        (
            path.solver.title,
            path.solver.parameters,
            f"{path.points[-1, 0]:.3f}",
            f"{path.losses[-1]:.3f}",
        )
        for path in ranked
    ]
    return ResultTable(_HEADER, rows)
