"""What the solvers did on the two-layer net, as a table and as numbers."""

from tfapp.optimizers import SOLVERS
from tfapp.solvers.paths.path_solvers import parameter_text
from tfapp.solvers.trainings.grid import at_the_edge

TITLE = "Two-layer ReLU net of 10,302 parameters on generated data"
HEADER = ("solver", "updates on", "parameter", "end", "updates to 2 × lowest")
NOTES = (
    "The dissertation's data for this net are not known. These are generated: 1,000 vectors of 100 standard normal "
    "numbers, whose two classes a random two-layer net of 10 hidden units tells apart.",
    "Objective: cross-entropy over all examples + 0.0005 / 2 |w|². Each solver has the value of its parameter with the "
    "lowest objective at the end, of those that `tfapp solvers compare` tries; same initial weights, same batches. "
    "Where the smallest or largest value is best, marked *, a better one may lie beyond it.",
    "The last column counts the updates until the objective is at most twice the lowest that any solver ends with.",
)


def rows(panels):
    """Return the rows of `HEADER` as text, the lowest objective of each way first.

    Args:
        panels: Dictionary from the way of training to `tfapp.solvers.trainings.two_layer_problem.Curve`s.
    """
    return [
        _row(title, curve, 2 * min(one.rank for one in curves))
        for title, curves in panels.items()
        for curve in sorted(curves, key=lambda one: one.rank)
    ]


def _row(title, curve, target):
    mark = " *" if at_the_edge(curve.solver, curve.value) else ""
    reached = [update for update, value in enumerate(curve.objectives) if value <= target]
    return (
        SOLVERS[curve.solver].title,
        title,
        f"{parameter_text(curve.solver, curve.value)}{mark}",
        f"{curve.objectives[-1]:.4f}",
        f"{reached[0]:,}" if reached else "–",
    )


def columns(panels):
    """Return (header, lines) of numbers: the objective of every curve at every update."""
    curves = [(title, curve) for title, several in panels.items() for curve in several]
    header = [f"{title}: {SOLVERS[curve.solver].title}" for title, curve in curves]
    lines = zip(*(curve.objectives for _, curve in curves), strict=True)
    return ("update", *header), [(update, *(f"{x:.6g}" for x in line)) for update, line in enumerate(lines)]
