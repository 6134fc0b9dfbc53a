"""Choosing the parameter of every solver on validation images."""

import csv

from tfapp.files import atomic_path
from tfapp.optimizers import SOLVERS
from tfapp.solvers.trainings.training import Job

SEED = 0


def grid_jobs(workload, solvers, epochs):
    """Return the trainings that try every value of every solver; a solver with one value needs none."""
    choosing = workload.for_choosing()
    return [
        Job(choosing, solver, value, SEED, epochs)
        for solver in solvers
        for value in SOLVERS[solver].values
        if len(SOLVERS[solver].values) > 1
    ]


def best_values(solvers, results):
    """Return the value of each solver with the lowest validation error, ties by the lower validation objective.

    Args:
        solvers: Names of `SOLVERS`.
        results: Results of the trainings of `grid_jobs`.

    Returns:
        Dictionary from solver to value. A solver all of whose trainings diverged keeps its usual value.
    """
    best = {}
    for solver in solvers:
        tried = [result for result in results if result["solver"] == solver and not result["diverged"]]
        ranked = sorted(tried, key=lambda result: (result["test_error"], result["test_objective"]))
        best[solver] = ranked[0]["value"] if ranked else SOLVERS[solver].value
    return best


def at_the_edge(solver, value):
    """Return whether the best value is the smallest or largest of those tried, so that a better one may lie outside."""
    values = SOLVERS[solver].values
    return len(values) > 1 and value in (values[0], values[-1])


def write_grid(path, results):
    """Write one row for each training of a grid search."""
    columns = ("solver", "parameter", "value", "train_objective", "test_objective", "test_error", "diverged")
    titles = (
        "solver",
        "parameter",
        "value",
        "objective",
        "validation objective",
        "validation error %",
        "diverged",
    )
    with atomic_path(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(titles)
        for result in results:
            writer.writerow([_cell(result.get(column, "")) for column in columns])


def _cell(value):
    return f"{value:.6g}" if isinstance(value, float) else value
