"""Figures 3.7 to 3.9 of Wu (2020): where nine solvers go on f1, f2 and f3, with the settings of appendix A.3."""

from dataclasses import replace

import keras

from tfapp.optimizers import BPGrad
from tfapp.report.result_table import DASH, ResultTable, document
from tfapp.reproduce.bpgrad.analytic import DOUBLING, lipschitz_of, local_minimum, run_algorithm_1
from tfapp.runs.progress import SILENT
from tfapp.solvers.paths.paths import TENSOR_FUNCTIONS, PathSolver, SolverPath, trace_path, trace_paths
from tfapp.solvers.paths.solvers import adaptive_solver
from tfapp.solvers.search.functions import FUNCTIONS

FIGURES = {"3.7": "f1", "3.8": "f2", "3.9": "f3"}
SOURCE = "Y. Wu, dissertation, section 3.3.3.1, figures 3.7 to 3.9, settings of appendix A.3"
# Section 3.3.3.1: the tolerance of function values that counts as arrived.
TOLERANCE = 1e-4
# More than any of them needs.
UPDATES = 600
START = 2.5
NOTES = (
    "Updates until f is within 1e-4 of its value at 4.913, where these solvers go, for the first time; of Algorithm 1, "
    "of the global minimum, samples, where `bpgrad-figure-3.3` counts those that cover the interval. The numbers in "
    "the printed figures did not survive in the text that is at hand.",
    "The start is assumed: the text gives 2.5 for Algorithm 1 alone.",
    "As the text says, all solvers find the global minimum of f1, and Algorithm 1 alone goes to that of f2 and f3, at "
    "11.086. On f3 its best sample is .0055 above it in f: at ρ = 0.1 the search is covered before it comes nearer.",
    "L of BPGrad is 4π, doubled every 10 updates on f2 and f3, which makes its steps end: without it they are at least "
    "(1 - ρ) f / L, and f is far above 0 there.",
)


def solvers_on(name) -> list[PathSolver]:
    """Return the solvers of A.3 but Algorithm 1 with their settings on a function, `f1`, `f2` or `f3`."""
    rate = 0.008 if name == "f1" else 0.1
    return [
        adaptive_solver("adagrad", "Adagrad", "rate 0.5, ρ = 0.9, ε = 1e-10", learning_rate=0.5, rho=0.9),
        adaptive_solver("adadelta", "Adadelta", "ρ = 0.99, ε = 1e-6", rho=0.99),
        adaptive_solver(
            *("rmsprop", "RMSProp", "rate 0.05, ρ = 0.99, ε = 1e-6"),
            **{"learning_rate": 0.05, "rho": 0.99, "epsilon": 1e-6},
        ),
        adaptive_solver(
            *("adam", "Adam", "rate 0.1, β = 0.9, 0.99, ε = 1e-6"),
            **{"learning_rate": 0.1, "beta_2": 0.99, "epsilon": 1e-6},
        ),
        PathSolver("sgd", "SGD", "rate 0.1", lambda: keras.optimizers.SGD(0.1)),
        PathSolver(
            "sgd-momentum", "SGD, μ = 0.9", f"rate {rate:g}", lambda: keras.optimizers.SGD(rate, momentum=0.9)
        ),
        _bpgrad("bpgrad-plain", "BPGrad, μ = 0", name, 0.0),
        _bpgrad("bpgrad", "BPGrad, μ = 0.9", name, 0.9),
    ]


def _bpgrad(key, title, name, momentum):
    doubles = name != "f1"
    parameters = "L = 4π, ρ = 0.1" + f", L doubled every {DOUBLING}" * doubles
    lipschitz = lipschitz_of(FUNCTIONS[name], doubles)
    return PathSolver(key, title, parameters, lambda: BPGrad(lipschitz, momentum=momentum))


def paths_on(name, progress=SILENT) -> list[SolverPath]:
    """Return the `SolverPath`s of the eight solvers on a function from 2.5, each until it has arrived."""
    function = TENSOR_FUNCTIONS[name]
    paths = trace_paths(
        solvers_on(name), lambda solver: trace_path(function, (START,), solver, UPDATES), progress
    )
    return [_until_arrived(path, local_minimum(FUNCTIONS[name])) for path in paths]


def samples_of_algorithm_1(name) -> SolverPath:
    """Return the samples of Algorithm 1 on a function in their order, as a path, to the first that has arrived."""
    result = run_algorithm_1(name)
    solver = PathSolver("bpgrad", "Algorithm 1", "L = 4π, ρ = 0.1", lambda: None)
    return _until_arrived(SolverPath(solver, result.samples, result.values), FUNCTIONS[name].minimum)


def best_of(name, samples):
    """Return the samples of Algorithm 1 up to the best one, which a picture ends with, and the title of its panel.

    Args:
        name: `f1`, `f2` or `f3`.
        samples: What `samples_of_algorithm_1` returned.
    """
    best, minimum = int(samples.losses.argmin()), FUNCTIONS[name].minimum
    shown = replace(samples, points=samples.points[: best + 1], losses=samples.losses[: best + 1])
    arrived = samples.updates_to(TOLERANCE, minimum) is not None
    end = "" if arrived else f" of {len(samples.losses)}, {samples.losses[best] - minimum:.4f} above"
    return shown, f"Algorithm 1: sample {best + 1:,}{end}"


def _until_arrived(path, value):
    reached = path.updates_to(TOLERANCE, value)
    if reached is None:
        return path
    return replace(path, points=path.points[: reached + 1], losses=path.losses[: reached + 1])


def table_of(name, paths, samples) -> ResultTable:
    """Return a row for each solver on a function: when it arrived, where, and how far f is above the minimum.

    Args:
        name: `f1`, `f2` or `f3`.
        paths: What `paths_on` returned.
        samples: What `samples_of_algorithm_1` returned.
    """
    minimum, rows = FUNCTIONS[name].minimum, []
    for path in (*paths, samples):
        is_search = path is samples
        reached = path.updates_to(TOLERANCE, minimum if is_search else local_minimum(FUNCTIONS[name]))
        best = int(path.losses.argmin()) if is_search else -1
        count = DASH if reached is None else f"{reached + is_search:,}"
        end, above = path.points[best, 0], path.losses[best] - minimum
        rows.append((path.solver.title, path.solver.parameters, count, f"{end:.3f}", f"{above:.2g}"))
    return ResultTable(("solver", "A.3", "updates to 1e-4", "x", "f − f*"), rows)


def document_of(number, table, command) -> str:
    """Return heading, command, table and notes of a figure."""
    name = FIGURES[number]
    title = f"Nine solvers on {name} = {FUNCTIONS[name].formula}, figure {number}"
    return document(table, NOTES, title=title, source=SOURCE, command=command)


def points_of(paths) -> ResultTable:
    """Return a row for each solver and update: x and f."""
    rows = [
        (path.solver.title, update, f"{x:.9g}", f"{f:.9g}")
        for path in paths
        for update, ((x,), f) in enumerate(zip(path.points, path.losses, strict=True))
    ]
    return ResultTable(("solver", "update", "x", "f"), rows)
