"""A separable problem on which adaptive methods fit all examples and learn the wrong thing."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tfapp.report.result_table import ResultTable
from tfapp.solvers.paths.paths import PathSolver, SolverPath, trace_path

SOURCE = (
    "A. C. Wilson, R. Roelofs, M. Stern, N. Srebro, B. Recht, The Marginal Value of Adaptive Gradient Methods in "
    "Machine Learning, 2017, arXiv:1705.08292, section 3.3"
)
TITLE = "A separable problem with more features than examples"
_HEADER = (
    "solver",
    "parameters",
    "training loss",
    "training error %",
    "test error %",
    "w·x of class 1",
    "w·x of class -1",
    "to least norm",
    "to sign(X'y)",
)
_SHARED = 3


@dataclass(frozen=True, eq=False)
class SeparableProblem:
    """Examples of two classes.

    Feature 1 is the label, 2 and 3 are 1, and then each example has features of its own that are 1 for it and 0 for
    all others: one of them in class 1, five in class -1. Least squares from w = 0 with more features than examples: a
    method whose updates are combinations of examples finds the fit of least norm, which follows feature 1. The
    adaptive methods move along sign(X'y), where the features of its own outvote the others for an example of class
    -1; a new one has none that were seen, and features 2 and 3 decide: class 1.

    Attributes:
        features: float64 (examples, 3 + 5 examples).
        labels: float64 (examples,), 1 or -1.
        share: Probability of class 1, for new examples too.
    """

    features: np.ndarray
    labels: np.ndarray
    share: float

    def loss(self):
        """Return the function from a float64 tensor (features,) to the mean of (w·x - y)^2 / 2."""
        # Made here and not in the function: no graph has to hold a copy.
        features, labels = tf.constant(self.features), tf.constant(self.labels)
        return lambda weights: tf.reduce_mean((tf.linalg.matvec(features, weights) - labels) ** 2) / 2

    def training_error(self, weights):
        """Return the share of the examples with the wrong sign."""
        return float(np.mean(self.features @ weights * self.labels <= 0))

    def test_outputs(self, weights):
        """Return w·x of a new example of class 1 and of class -1; the features of its own were never seen."""
        label, ones = weights[0], weights[1] + weights[2]
        return float(ones + label), float(ones - label)

    def test_error(self, weights):
        """Return the probability that a new example gets the wrong sign."""
        first, second = self.test_outputs(weights)
        return self.share * float(first <= 0) + (1 - self.share) * float(second >= 0)

    def least_norm_fit(self):
        """Return the shortest weights that fit all examples, from NumPy's least squares."""
        return np.linalg.lstsq(self.features, self.labels, rcond=None)[0]

    def sign_fit(self):
        """Return the weights along sign(X'y) that fit all examples, X sign(X'y) being 4 y (lemma 3.1)."""
        return np.sign(self.features.T @ self.labels) / 4


def separable_problem(count=200, share=0.6, seed=0) -> SeparableProblem:
    """Return a problem.

    Args:
        count: Number of examples.
        share: Probability of class 1, above 1/2.
        seed: Non-negative integer, of the labels; more than half of them must turn out to be 1.
    """
    labels = np.where(np.random.default_rng(seed).random(count) < share, 1.0, -1.0)
    if labels.sum() <= 0:
        raise ValueError(
            f"`seed` must give more examples of class 1 than of class -1. Received: seed={seed}."
        )
    features = np.zeros((count, _SHARED + 5 * count))
    features[:, 0], features[:, 1:_SHARED] = labels, 1.0
    for index, label in enumerate(labels):
        first = _SHARED + 5 * index
        features[index, first : first + (1 if label > 0 else 5)] = 1.0
    return SeparableProblem(features, labels, share)


def fit(problem, solver: PathSolver, steps) -> SolverPath:
    """Return the path of a solver from 0, on all examples at once."""
    return trace_path(problem.loss(), np.zeros(problem.features.shape[1]), solver, steps)


def errors_table(problem, paths) -> ResultTable:
    """Return a row for each path: training and test error at its end, smallest test error first."""
    ranked = sorted(paths, key=lambda path: problem.test_error(path.points[-1]))
    fitted = problem.least_norm_fit(), problem.sign_fit()
    return ResultTable(_HEADER, [_row(problem, path, fitted) for path in ranked])


def notes(problem) -> tuple[str, ...]:
    """Return what a reader of the table must know."""
    count = len(problem.labels)
    first = int(np.sum(problem.labels > 0))
    return (
        f"After {SOURCE}. {count} examples, {first} of class 1, {problem.features.shape[1]:,} features, start 0, all "
        "examples in each update, mean of (w·x - y)² / 2. The parameters are 1, 2 or 5 times a power of ten, with "
        "which all examples are fitted.",
        "Test error is exact: the probability, with class 1 in "
        f"{problem.share:.0%} of all new examples, of the wrong sign. "
        f"Answering class 1 always is wrong in {1 - problem.share:.0%}.",
        "The last columns are angles of the weights to the fit of least norm and to sign(X'y).",
        "Keras's Adagrad begins its sum of squares at 0.1, far above the squares of most gradients here, and is then "
        "close to plain gradient descent; from 0, as in Wilson et al. (2017), it fails as the lemma says.",
    )


def _row(problem, path, fitted):
    weights = path.points[-1]
    return (
        path.solver.title,
        path.solver.parameters,
        f"{path.losses[-1]:.1e}",
        f"{100 * problem.training_error(weights):.1f}",
        f"{100 * problem.test_error(weights):.1f}",
        *(f"{output:.3f}" for output in problem.test_outputs(weights)),
        *(_angle(weights, other) for other in fitted),
    )


def _angle(a, b):
    length = np.linalg.norm(a) * np.linalg.norm(b)
    return f"{np.degrees(np.arccos(np.clip(a @ b / length, -1, 1))):.1f}°" if length else "–"
