"""How far the solutions of SGD and of BPGrad are apart on the two-layer net (section 3.3.3.3 of Wu, 2020)."""

from dataclasses import dataclass

import numpy as np

from tfapp.optimizers import solver_of
from tfapp.report.result_table import ResultTable, mean_and_spread
from tfapp.reproduce.bpgrad.two_layer import EXAMPLES, Curve, best_curves, build_net
from tfapp.solvers.paths.solvers import parameter_text

# Of the text.
EPOCHS, BATCH_SIZE = 20, 200
SOLVERS = ("sgd-momentum", "bpgrad", "bpgrad:form=authors")
# MatConvNet's for LeNet, and 1 / sqrt(inputs), that of Li and Yuan.
DEVIATIONS = (0.01, 0.1)
TITLE = "Distance of the solutions of SGD and BPGrad on a two-layer net of 10,302 parameters"
NOTES = (
    "The text finds a distance of 0.6 between the weights by SGD and by BPGrad, both with momentum 0.9, after 20 "
    "epochs with batches of 200, at the best rate and the best L of a grid, and takes it for a sign of one "
    "global minimum.",
    "It says neither how many examples there are nor how large the Gaussian weights are at first. Here are 1,000 "
    "examples, and two sizes of weights: the standard deviation 0.01, that of MatConvNet's LeNet, and 0.1, which is "
    "1 / sqrt(inputs) as Li and Yuan (2017) have it.",
    "A distance says little by itself: beside it stand the length of the initial weights and the way from them. Two "
    "solutions that both stay near where they began are near each other.",
)


@dataclass(frozen=True)
class Solutions:
    """What the solvers end with, from the same Gaussian weights.

    Attributes:
        deviation: Standard deviation of the initial weights.
        seed: Of weights, examples and batches.
        initial: float32 (10302,), the initial weights.
        curves: The best `Curve` of each of `SOLVERS`.
    """

    deviation: float
    seed: int
    initial: np.ndarray
    curves: list[Curve]


def measure(seeds, progress=None) -> list[Solutions]:
    """Return the `Solutions` of each deviation and seed.

    Args:
        seeds: Non-negative integers.
        progress: Function of the trainings that are done and their number, or None.
    """
    steps, found = EPOCHS * EXAMPLES // BATCH_SIZE, []
    for deviation in DEVIATIONS:
        for seed in seeds:
            initial = np.concatenate([w.ravel() for w in build_net(seed, deviation).get_weights()])
            curves = best_curves(dict.fromkeys(SOLVERS), BATCH_SIZE, steps, seed, progress, deviation)
            found.append(Solutions(deviation, seed, initial, curves))
    return found


_HEADER = ("weights", "solver", "objective", "way from the start", "distance from SGD", "length at first")


def distance_table(found) -> ResultTable:
    """Return a row for each deviation and solver: means over seeds, with their standard deviations.

    Args:
        found: What `measure` returned.
    """
    rows = []
    for deviation in dict.fromkeys(one.deviation for one in found):
        same = [one for one in found if one.deviation == deviation]
        for place, name in enumerate(SOLVERS):
            numbers = zip(*(_numbers(one, place) for one in same), strict=True)
            cells = [mean_and_spread(list(column), ".3g") for column in numbers]
            rows.append((f"N(0, {deviation:g}²)", solver_of(name).full_title, *cells))
    return ResultTable(_HEADER, rows)


def distance_rows(found) -> ResultTable:
    """Return a row for each deviation, seed and solver, with the value of its parameter."""
    rows = [
        (
            *(one.deviation, one.seed, name, parameter_text(name, one.curves[place].value)),
            *(f"{number:.6g}" for number in _numbers(one, place)),
        )
        for one in found
        for place, name in enumerate(SOLVERS)
    ]
    return ResultTable(("deviation", "seed", "solver", "parameter", *_HEADER[2:]), rows)


def _numbers(one, place):
    curve, sgd = one.curves[place], one.curves[0]
    way = np.linalg.norm(curve.weights - one.initial)
    apart = np.linalg.norm(curve.weights - sgd.weights)
    return float(curve.objectives[-1]), float(way), float(apart), float(np.linalg.norm(one.initial))
