"""Algorithm 2 on f1, f2 and f3 as Wu (2020) sets it: figures 3.5 and 3.7 to 3.9."""

import keras
import numpy as np

from tfapp.optimizers import BPGrad
from tfapp.solvers.paths.paths import TENSOR_FUNCTIONS, PathSolver, SolverPath, trace_path
from tfapp.solvers.search.functions import FUNCTIONS

NAMES = ("f1", "f2", "f3")
MOMENTA = (0.0, 0.9)
UPDATES = 1000
# Where all of them go from Wu's start, and the global minimum of f1 only.
LOCAL_MINIMISER = FUNCTIONS["f1"].minimiser
DOUBLING = 10
NOTES = (
    "Start 2.5 (Wu gives none), L = 4π, ρ = 0.1. The number of the figure is assumed.",
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
        lambda: BPGrad(_lipschitz(function, doubles), momentum=momentum),
        dashed=doubles,
    )
    return trace_path(TENSOR_FUNCTIONS[name], function.start, solver, steps)


def _lipschitz(function, doubles):
    if not doubles:
        return function.lipschitz
    return keras.optimizers.schedules.ExponentialDecay(function.lipschitz, DOUBLING, 2.0, staircase=True)


def usual_paths(name, steps=UPDATES) -> list[SolverPath]:
    """Return the paths without and with momentum, L doubled where Wu doubles it: on f2 and f3."""
    return [algorithm_2_path(name, momentum, name != "f1", steps) for momentum in MOMENTA]


def all_paths(name, steps=UPDATES) -> list[SolverPath]:
    """Return the paths without and with momentum; on f2 and f3 also those with a constant L."""
    constant = [algorithm_2_path(name, momentum, False, steps) for momentum in MOMENTA]
    return constant if name == "f1" else [*constant, *usual_paths(name, steps)]


HEADER = ("Algorithm 2", "end", "range of the last 100", "|f − f*|", "updates to 1e-4")


def rows(found):
    """Return the rows of `HEADER` as text.

    Args:
        found: Dictionary from names to `SolverPath`s.
    """
    return [_row(name, path) for name, paths in found.items() for path in paths]


def _row(name, path):
    last = path.points[-100:, 0]
    function = FUNCTIONS[name]
    reached = path.updates_to(1e-4, float(function.function(np.array(LOCAL_MINIMISER))))
    return (
        f"{name}, {path.solver.title}",
        f"{last[-1]:.4f}",
        f"{last.min():.4f} to {last.max():.4f}",
        f"{path.gaps(function.minimum)[-1]:.2g}",
        "–" if reached is None else f"{reached:,}",
    )


def columns(found):
    """Return (header, lines) of numbers: x and f of every path at every update."""
    paths = [(name, path) for name, several in found.items() for path in several]
    header = [f"{name}, {path.solver.title}: {what}" for name, path in paths for what in ("x", "f")]
    numbers = zip(*(column for _, path in paths for column in (path.points[:, 0], path.losses)), strict=True)
    return ("update", *header), [(update, *(f"{x:.9g}" for x in line)) for update, line in enumerate(numbers)]
