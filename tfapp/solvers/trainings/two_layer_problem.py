"""The two-layer ReLU net of 10,302 parameters on generated data: objective of all solvers over their updates."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tfapp.models import build_classifier
from tfapp.optimizers import SOLVERS, BPGrad, make_solver
from tfapp.solvers.bounds.logger import BoundsLogger
from tfapp.solvers.paths.paths import follow
from tfapp.solvers.workload import objective

INPUTS, EXAMPLES, BATCH_SIZE = 100, 1000, 100
WEIGHT_DECAY = 0.0005
MODES = {"full batch": EXAMPLES, f"batches of {BATCH_SIZE}": BATCH_SIZE}
_TEACHER_UNITS = 10


@dataclass(frozen=True, eq=False)
class Curve:
    """Objective of one solver with one value of its parameter.

    Attributes:
        solver: One of `tfapp.optimizers.SOLVERS`.
        value: Of its parameter.
        objectives: float32 (updates + 1,), over all examples, weight decay included.
    """

    solver: str
    value: float | str
    objectives: np.ndarray

    @property
    def rank(self):
        """Objective at the end, infinite if it is not finite."""
        last = float(self.objectives[-1])
        return last if np.isfinite(last) else np.inf


def two_class_examples(seed=0):
    """Return examples of two classes that a two-layer network of 10 random hidden units tells apart.

    The text's own data are not known. Inputs are standard normal; the classes are equally large.

    Returns:
        float32 (1000, 100) and int32 (1000,), 0 or 1.
    """
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(EXAMPLES, INPUTS))
    hidden = np.maximum(inputs @ rng.normal(size=(INPUTS, _TEACHER_UNITS)), 0)
    scores = hidden @ rng.normal(size=_TEACHER_UNITS)
    return inputs.astype(np.float32), (scores > np.median(scores)).astype(np.int32)


def build_net(seed=0):
    """Return the network: 100 inputs, 100 hidden units, 2 classes, weight decay in its losses."""
    return build_classifier("two-layer", 2, (INPUTS,), seed=seed, weight_decay=WEIGHT_DECAY)


def batch_order(batch_size, steps, seed=0):
    """Return which examples each update sees, int64 (steps, batch_size): every epoch in another order."""
    epochs = -(-steps * batch_size // EXAMPLES)
    orders = [np.random.default_rng([seed, epoch]).permutation(EXAMPLES) for epoch in range(epochs)]
    return np.concatenate(orders)[: steps * batch_size].reshape(steps, batch_size)


def train_net(solver, value, batch_size, steps, seed=0) -> Curve:
    """Train from the weights and in the order of examples that a seed gives, the same for all solvers.

    Args:
        solver: One of `SOLVERS`.
        value: Of its parameter.
        batch_size: Divides 1000.
        steps: Number of updates.
        seed: Non-negative integer.
    """
    model, loss = build_net(seed), objective()
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
    return Curve(solver, value, objectives)


def best_curves(solvers, batch_size, steps, seed=0, progress=None) -> list[Curve]:
    """Train by every solver with every value that a grid search tries, and return the best curve of each.

    Args:
        solvers: Dictionary from names of `SOLVERS` to the only value of the parameter, or None to try all of them.
        batch_size, steps, seed: As for `train_net`.
        progress: Function of the trainings that are done and their number, or None.
    """
    jobs = [
        (solver, value)
        for solver, given in solvers.items()
        for value in (SOLVERS[solver].values if given is None else (given,))
    ]
    tried = []
    for solver, value in jobs:
        tried.append(train_net(solver, value, batch_size, steps, seed))
        if progress:
            progress(len(tried), len(jobs))
    return [min((one for one in tried if one.solver == name), key=lambda one: one.rank) for name in solvers]


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
