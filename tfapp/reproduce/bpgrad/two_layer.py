"""Solvers on a two-layer net of 10,302 parameters (section 3.3.3.3 of Wu, 2020), and the bounds of BPGrad on it."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from tfapp.models import build_classifier
from tfapp.optimizers import BPGrad, make_solver, solver_of
from tfapp.report.figures import save_png
from tfapp.report.result_table import ResultTable
from tfapp.solvers.bounds.logger import BoundsLogger
from tfapp.solvers.paths.paths import follow
from tfapp.solvers.paths.solvers import parameter_text
from tfapp.solvers.styles import colour
from tfapp.solvers.trainings.search import at_the_edge
from tfapp.solvers.trainings.workload import objective

INPUTS, EXAMPLES, BATCH_SIZE = 100, 1000, 100
WEIGHT_DECAY = 0.0005
MODES = {"full batch": EXAMPLES, f"batches of {BATCH_SIZE}": BATCH_SIZE}
_TEACHER_UNITS = 10

TITLE = "Two-layer ReLU net of 10,302 parameters on generated data"
_HEADER = ("solver", "updates on", "parameter", "end", "updates to 2 × lowest")
NOTES = (
    "The dissertation's data for this net are not known. These are generated: 1,000 vectors of 100 standard normal "
    "numbers, whose two classes a random two-layer net of 10 hidden units tells apart.",
    "Objective: cross-entropy over all examples + 0.0005 / 2 |w|². Each solver has the value of its parameter with the "
    "lowest objective at the end, of those that `tfapp solvers compare` tries; same initial weights, same batches. "
    "Where the last value that it can try is best, marked *, a better one may lie beyond it.",
    "The last column counts the updates until the objective is at most twice the lowest that any solver ends with.",
)


@dataclass(frozen=True, eq=False)
class Curve:
    """Objective of one solver with one value of its parameter.

    Attributes:
        solver: One of `tfapp.optimizers.SOLVERS`.
        value: Of its parameter.
        objectives: float32 (updates + 1,), over all examples, weight decay included.
        weights: float32 (10302,), at the end.
    """

    solver: str
    value: float | str
    objectives: np.ndarray
    weights: np.ndarray

    @property
    def rank(self):
        """Objective at the end, infinite if it is not finite."""
        last = float(self.objectives[-1])
        return last if np.isfinite(last) else np.inf


def two_class_examples(seed=0):
    """Return examples of two classes that a two-layer network of 10 random hidden units tells apart.

    The data of Wu (2020) are not known. Inputs are standard normal; the classes are equally large.

    Returns:
        float32 (1000, 100) and int32 (1000,), 0 or 1.
    """
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(EXAMPLES, INPUTS))
    hidden = np.maximum(inputs @ rng.normal(size=(INPUTS, _TEACHER_UNITS)), 0)
    scores = hidden @ rng.normal(size=_TEACHER_UNITS)
    return inputs.astype(np.float32), (scores > np.median(scores)).astype(np.int32)


def build_net(seed=0, deviation=None):
    """Return the network: 100 inputs, 100 hidden units, 2 classes, weight decay in its losses.

    Args:
        seed: Of the initial weights.
        deviation: Standard deviation of Gaussian weights, the biases 0; None for those that the network begins with.
    """
    model = build_classifier("two-layer", 2, (INPUTS,), seed=seed, weight_decay=WEIGHT_DECAY)
    if deviation is not None:
        rng = np.random.default_rng([seed, 0x6A55])
        drawn = [rng.normal(0, deviation, weight.shape) * (weight.ndim > 1) for weight in model.get_weights()]
        model.set_weights(drawn)
    return model


def batch_order(batch_size, steps, seed=0):
    """Return which examples each update sees, int64 (steps, batch_size): every epoch in another order."""
    epochs = -(-steps * batch_size // EXAMPLES)
    orders = [np.random.default_rng([seed, epoch]).permutation(EXAMPLES) for epoch in range(epochs)]
    return np.concatenate(orders)[: steps * batch_size].reshape(steps, batch_size)


def train_net(solver, value, batch_size, steps, seed=0, deviation=None) -> Curve:
    """Train from the weights and in the order of examples that a seed gives, the same for all solvers.

    Args:
        solver: One of `SOLVERS`.
        value: Of its parameter.
        batch_size: Divides 1000.
        steps: Number of updates.
        seed: Non-negative integer.
        deviation: As for `build_net`.
    """
    model, loss = build_net(seed, deviation), objective()
    inputs, labels = map(tf.constant, two_class_examples(seed))
    order = tf.constant(batch_order(batch_size, steps, seed))

    def objective_of(inputs, labels):
        return loss(labels, model(inputs, training=True)) + tf.add_n(model.losses)

    def batch_objective(step):
        places = order[step]
        return objective_of(tf.gather(inputs, places), tf.gather(labels, places))

    optimizer = make_solver(solver, value)
    objectives = follow(
        batch_objective, model.trainable_variables, optimizer, steps, lambda: objective_of(inputs, labels)
    )
    return Curve(
        solver, value, objectives, np.concatenate([weight.ravel() for weight in model.get_weights()])
    )


def best_curves(solvers, batch_size, steps, seed=0, progress=None, deviation=None) -> list[Curve]:
    """Train by every solver with every value that a grid search tries, and return the best curve of each.

    Args:
        solvers: Dictionary from names of `SOLVERS` to the only value of the parameter, or None to try all of them.
        batch_size, steps, seed: As for `train_net`.
        progress: Function of the trainings that are done and their number, which grows while a search goes on, or None.
        deviation: As for `build_net`.
    """
    jobs = {
        name: list(solver_of(name).values if value is None else (value,)) for name, value in solvers.items()
    }
    best, done = [], 0
    for name, values in jobs.items():
        tried = []
        while values:
            tried.append(train_net(name, values.pop(0), batch_size, steps, seed, deviation))
            lowest = min(tried, key=lambda one: one.rank)
            if not values and solvers[name] is None and np.isfinite(lowest.rank):
                further = solver_of(name).beyond([one.value for one in tried], lowest.value)
                values += [] if further is None else [further]
            done += 1
            if progress:
                progress(done, done + sum(map(len, jobs.values())))
        best.append(lowest)
    return best


def follow_bounds(lipschitz, batch_size, steps, path, seed=0) -> BoundsLogger:
    """Train by BPGrad in `fit()` and return what a `BoundsLogger` recorded of every update.

    Args:
        lipschitz: L.
        batch_size, steps, seed: As for `train_net`; the batches are the same.
        path: CSV file of the numbers.
    """
    model = build_net(seed)
    model.compile(BPGrad(lipschitz), objective())
    inputs, labels = two_class_examples(seed)
    places = tf.data.Dataset.from_tensor_slices(batch_order(batch_size, steps, seed))
    batches = places.map(lambda chosen: (tf.gather(inputs, chosen), tf.gather(labels, chosen)))
    bounds = BoundsLogger(path, overwrite=True)
    model.fit(batches, verbose=0, shuffle=False, callbacks=[bounds])
    return bounds


def ends_table(panels) -> ResultTable:
    """Return a row for each curve, the lowest objective of each way first.

    Args:
        panels: Dictionary from the way of training to `Curve`s.
    """
    rows = [
        _row(title, curve, 2 * min(one.rank for one in curves))
        for title, curves in panels.items()
        for curve in sorted(curves, key=lambda one: one.rank)
    ]
    return ResultTable(_HEADER, rows)


def _row(title, curve, target):
    mark = " *" if at_the_edge(curve.solver, curve.value) else ""
    reached = [update for update, value in enumerate(curve.objectives) if value <= target]
    return (
        solver_of(curve.solver).title,
        title,
        f"{parameter_text(curve.solver, curve.value)}{mark}",
        f"{curve.objectives[-1]:.4f}",
        f"{reached[0]:,}" if reached else "–",
    )


def objectives_table(panels) -> ResultTable:
    """Return the objective of every curve at every update."""
    curves = [(title, curve) for title, several in panels.items() for curve in several]
    header = [f"{title}: {solver_of(curve.solver).title}" for title, curve in curves]
    lines = zip(*(curve.objectives for _, curve in curves), strict=True)
    rows = [(update, *(f"{x:.6g}" for x in line)) for update, line in enumerate(lines)]
    return ResultTable(("update", *header), rows)


def save_objectives_png(panels, path, title=None) -> None:
    """Draw objectives over updates, both axes logarithmic.

    Args:
        panels: Dictionary from the title of a panel to `Curve`s.
        path: PNG file, written by write-then-rename.
        title: Line above the figure, or None.
    """
    save_png(draw_objectives(panels, title), path)


def draw_objectives(panels, title=None) -> Figure:
    """Return the figure that `save_objectives_png` saves."""
    figure = Figure(figsize=(1.8 + 5.4 * len(panels), 5.6), layout="constrained")
    columns = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for axes, (name, curves) in zip(columns, panels.items(), strict=True):
        for curve in curves:
            width = 1.9 if curve.solver.startswith("bpgrad") else 1.2
            updates = np.arange(1, len(curve.objectives))
            style = {"color": colour(curve.solver), "lw": width, "label": solver_of(curve.solver).title}
            axes.plot(updates, curve.objectives[1:], **style)
        axes.set(xscale="log", yscale="log", xlabel="update", title=name)
        axes.grid(alpha=0.3, which="both")
        axes.margins(x=0.01)
    columns[0].set_ylabel("objective over all examples")
    handles = columns[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside right upper", frameon=False, fontsize=9)
    if title:
        figure.suptitle(title)
    return figure
