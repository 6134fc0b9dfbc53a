"""What is found on functions of one and two variables: Algorithms 1 and 2 on f1 to f3, solvers on Rosenbrock's."""

import keras
import numpy as np

from tfapp.optimizers import BPGrad, branch_and_prune
from tfapp.report.result_table import DASH, ResultTable, document
from tfapp.reproduce.bpgrad.published import published_row
from tfapp.solvers.paths.paths import TENSOR_FUNCTIONS, PathSolver, SolverPath, trace_path
from tfapp.solvers.paths.solvers import ON_ROSENBROCK
from tfapp.solvers.search.functions import FUNCTIONS

# Algorithm 1: figure 3.3.

ALGORITHM_1_TITLE = "Algorithm 1 on f3 = x sin x + 15, L = 4π, ρ = 0.1, first sample 2.5"
_ALGORITHM_1_NOTES = (
    "What gives the numbers of Wu (2020): the next sample is the border of what is left that is nearest in the "
    "direction of descent, -f' (the sign printed there is the other one), else the nearest on the other side, and all "
    "radii follow the smallest value. Covered after 15 samples; the 16th iteration finds nothing left.",
    "The minimiser that Wu gives as 4.813 is 4.913.",
    "The algorithm is not shift invariant: the three functions differ by a constant only (and f1 in its interval), and "
    "need 15, 196 and 1,155 samples. The nearer the minimum is to 0, the smaller the balls; at 0 it would not end.",
    "The sawtooth bound, min over x of max over samples of f_i - L |x - x_i|, comes from the same samples.",
)
_ITERATIONS = {"f3": "within 16 iterations"}


def run_algorithm_1(name: str):
    """Return the `SearchResult` of Algorithm 1 on f1, f2 or f3 as Wu sets it."""
    function = FUNCTIONS[name]
    options = {"gradient": function.gradient, "start": function.start, "rho": 0.1}
    return branch_and_prune(function.function, function.bounds, function.lipschitz, **options)


def algorithm_1_table(results) -> ResultTable:
    """Return what Wu says of Algorithm 1 beside what is found here.

    Args:
        results: `SearchResult`s by the names f1, f2 and f3.
    """
    f3 = results["f3"]
    rows = [
        ("f3: second sample", "3.682", f"{f3.samples[1, 0]:.4f}"),
        ("f3: fifth sample", "1.27", f"{f3.samples[4, 0]:.4f}"),
        ("f3: best sample, the 12th", "11.117", f"{f3.minimiser[0]:.4f}, the {f3.values.argmin() + 1}th"),
        ("f3: distance from the minimiser", "0.031", f"{f3.minimiser[0] - FUNCTIONS['f3'].minimiser[0]:.4f}"),
    ]
    for name, result in results.items():
        certificate = result.certificate
        proven = f"{certificate.lower_bound:.4g} to {certificate.upper_bound:.4g}"
        rows += [
            (f"{name}: samples", _ITERATIONS.get(name, ""), f"{certificate.evaluations:,}"),
            (f"{name}: bounds of the minimum", "", proven),
            (f"{name}: sawtooth bound of the same samples", "", f"{certificate.sawtooth_bound():.4g}"),
            (f"{name}: Theorem 2 allows", "", f"{certificate.theorem_2:,.0f}"),
        ]
    return ResultTable(("what", "text", "here"), rows)


def algorithm_1_document(results, command: str) -> str:
    """Return heading, command, table and notes."""
    source = "Y. Wu, dissertation, chapter 3, figure 3.3"
    table = algorithm_1_table(results)
    return document(table, _ALGORITHM_1_NOTES, title=ALGORITHM_1_TITLE, source=source, command=command)


# Algorithm 2.

NAMES = ("f1", "f2", "f3")
MOMENTA = (0.0, 0.9)
UPDATES = 1000
# Where all of them go from Wu's start, and the global minimum of f1 only.
LOCAL_MINIMISER = FUNCTIONS["f1"].minimiser
DOUBLING = 10
_ALGORITHM_2_NOTES = (
    "Start 2.5 (Wu gives none), L = 4π, ρ = 0.1.",
    "The last column counts the updates until f is within 1e-4 of its value at 4.913 for the first time.",
    "On f2 and f3 the path ends in the local minimum at 4.913; the global one is at 11.086.",
    "Without doubling L it never settles there, since a step is at least (1 - ρ) f / L and f is far above 0: it goes "
    "round and round. f1 is almost 0 at its minimum and needs no doubling, which would stop it too early.",
)


def algorithm_2_path(name, momentum, doubles, steps=UPDATES) -> SolverPath:
    """Return the path of Algorithm 2.

    Args:
        name: One of `NAMES`.
        momentum: In [0, 1).
        doubles: Whether L doubles every 10 updates.
        steps: Number of updates.
    """
    function = FUNCTIONS[name]
    title = f"μ = {momentum:g}{f', L doubled every {DOUBLING}' if doubles else ''}"
    solver = PathSolver(
        "bpgrad" if momentum else "bpgrad-plain",
        title,
        "L = 4π, ρ = 0.1",
        lambda: BPGrad(lipschitz_of(function, doubles), momentum=momentum),
        dashed=doubles,
    )
    return trace_path(TENSOR_FUNCTIONS[name], function.start, solver, steps)


def lipschitz_of(function, doubles):
    """Return L of a function, or the schedule that doubles it every 10 updates."""
    if not doubles:
        return function.lipschitz
    return keras.optimizers.schedules.ExponentialDecay(function.lipschitz, DOUBLING, 2.0, staircase=True)


def local_minimum(function) -> float:
    """Return f where all solvers but Algorithm 1 go from the start."""
    return float(function.function(np.array(LOCAL_MINIMISER)))


def usual_paths(name, steps=UPDATES) -> list[SolverPath]:
    """Return the paths without and with momentum, L doubled where Wu doubles it: on f2 and f3."""
    return [algorithm_2_path(name, momentum, name != "f1", steps) for momentum in MOMENTA]


def algorithm_2_table(found) -> ResultTable:
    """Return a row for each path: where it ends, and after how many updates it is near the minimum.

    Args:
        found: Dictionary from names to `SolverPath`s.
    """
    header = ("Algorithm 2", "end", "range of the last 100", "|f − f*|", "updates to 1e-4")
    return ResultTable(
        header, [_algorithm_2_row(name, path) for name, paths in found.items() for path in paths]
    )


def _algorithm_2_row(name, path):
    last = path.points[-100:, 0]
    function = FUNCTIONS[name]
    reached = path.updates_to(1e-4, local_minimum(function))
    return (
        f"{name}, {path.solver.title}",
        f"{last[-1]:.4f}",
        f"{last.min():.4f} to {last.max():.4f}",
        f"{path.gaps(function.minimum)[-1]:.2g}",
        DASH if reached is None else f"{reached:,}",
    )


def algorithm_2_document(found, command: str) -> str:
    """Return heading, command, table and notes."""
    title = "Iterates of Algorithm 2 on f1, f2 and f3"
    return document(algorithm_2_table(found), _ALGORITHM_2_NOTES, title=title, command=command)


def algorithm_2_points(found) -> ResultTable:
    """Return x and f of every path at every update."""
    paths = [(name, path) for name, several in found.items() for path in several]
    header = [f"{name}, {path.solver.title}: {what}" for name, path in paths for what in ("x", "f")]
    numbers = zip(*(column for _, path in paths for column in (path.points[:, 0], path.losses)), strict=True)
    rows = [(update, *(f"{x:.9g}" for x in line)) for update, line in enumerate(numbers)]
    return ResultTable(("update", *header), rows)


# Rosenbrock's function: table 3.1, figures 3.10 and 3.11.

ROSENBROCK_SOLVERS, ROSENBROCK_UPDATES = ON_ROSENBROCK, 4000
ROSENBROCK_TITLE = "Rosenbrock's function from (-1.2, 2.5), 4,000 updates"
_ROSENBROCK_NOTES = (
    "After Y. Wu, dissertation, table 3.1, with the settings of its appendix A.4.",
    "digits: whether the end, rounded to two decimals, is the table's. Where a solver jumps to and fro across the "
    "valley at last, both points are told: which of them comes 4,000th depends on rounding, and the nearer one counts.",
    "The rate of SGD is 0.001 in section 3.3.3.2 and 0.002 in the appendix, with which SGD without momentum diverges. "
    "With momentum 0.9 it diverges too, unless the gradient counts 1 - 0.9 times (damped), a rate of 0.0002.",
    "Adagrad forgets: its sum of squares is 0.9 times the old one plus the new square.",
    "Adam has the table's digits without correction of its bias, and ends at (0.9896, 0.9794) with it. Whether ε "
    "stands inside or outside of the root changes no digit, of Adadelta either: it moves its jumps by one update.",
    "BPGrad with momentum ends 0.0005 from the table's second digit; the path oscillates by that much.",
    'Eve, ALI-G and L "auto" are not in the table.',
)
# A solver whose last two points are farther apart than this jumps.
JUMP = 0.005


def rosenbrock_table(paths) -> ResultTable:
    """Return a row for each path: its end here and in the table, and whether their digits agree.

    Args:
        paths: `SolverPath`s of `ROSENBROCK_SOLVERS` on Rosenbrock's function, of `ROSENBROCK_UPDATES` updates.
    """
    header = ("solver", "parameters", "table", "here", "digits")
    return ResultTable(header, [_rosenbrock_row(path) for path in paths])


def rosenbrock_document(paths, command: str) -> str:
    """Return heading, command, table and notes."""
    return document(rosenbrock_table(paths), _ROSENBROCK_NOTES, title=ROSENBROCK_TITLE, command=command)


def _rosenbrock_row(path):
    solver, ends = path.solver, path.points[-2:][::-1]
    numbers = published_row("3.1", solver.name)
    printed = numbers and tuple(f"{number:.2f}" for number in numbers)
    if np.allclose(*ends, atol=JUMP):
        ends = ends[:1]
    return (
        solver.title,
        solver.parameters,
        f"({', '.join(printed)})" if printed else DASH,
        " and ".join(f"({x:.4f}, {y:.4f})" for x, y in ends),
        _verdict(printed, ends) if printed else DASH,
    )


def _verdict(printed, ends):
    agrees = [
        sum(f"{coordinate:.2f}" == text for coordinate, text in zip(end, printed, strict=True))
        for end in ends
    ]
    return {2: "both", 1: "one of two", 0: "neither"}[max(agrees)]
