"""Search of the parameters of solvers: short trainings on validation images, and which value was the best."""

from tfapp.optimizers import solver_of
from tfapp.report.result_table import ResultTable
from tfapp.solvers.trainings.training import Job

SEED = 0


def grid_jobs(workload, solvers, epochs):
    """Return the trainings that a search begins with; a solver with one value needs none.

    Args:
        workload: `tfapp.solvers.trainings.workload.Workload`.
        solvers: Names of solvers, with or without options.
        epochs: Epochs of each training.
    """
    found = {name: solver_of(name).values for name in solvers}
    return [
        Job(workload.for_choosing(), name, value, SEED, epochs)
        for name, values in found.items()
        for value in values
        if len(values) > 1
    ]


def jobs_beyond(workload, solvers, results, epochs):
    """Return the trainings that the search goes on with: beyond the smallest or largest value if that was the best.

    Args:
        workload, solvers, epochs: As for `grid_jobs`.
        results: Results of all trainings of the search so far.
    """
    jobs = []
    for name in solvers:
        best = _best(name, results)
        tried = [result["value"] for result in results if result["solver"] == name]
        value = None if best is None else solver_of(name).beyond(tried, best["value"])
        if value is not None:
            jobs.append(Job(workload.for_choosing(), name, value, SEED, epochs))
    return jobs


def best_values(solvers, results):
    """Return the value of each solver with the lowest validation error, ties by the lower validation objective.

    Args:
        solvers: Names of solvers.
        results: Results of the trainings of a search.

    Returns:
        Dictionary from solver to value. A solver all of whose trainings diverged keeps its usual value.
    """
    best = {name: _best(name, results) for name in solvers}
    return {name: solver_of(name).value if one is None else one["value"] for name, one in best.items()}


def _best(name, results):
    tried = [result for result in results if result["solver"] == name and not result["diverged"]]
    return min(tried, key=lambda result: (result["test_error"], result["test_objective"]), default=None)


def at_the_edge(name, value):
    """Return whether the best value is the last that a search can try, so that a better one may lie outside."""
    ladder = solver_of(name).ladder
    return len(ladder) > 1 and value in (ladder[0], ladder[-1])


def write_grid(path, results):
    """Write one row for each training of a search."""
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
    rows = [[_cell(result.get(column, "")) for column in columns] for result in results]
    ResultTable(titles, rows).write_csv(path)


def _cell(value):
    return f"{value:.6g}" if isinstance(value, float) else value
