"""Solvers that train a segmenter: trainings, the table of what they reach, and their learning curves."""

import numpy as np

from tfapp.data import parse_noises
from tfapp.optimizers.catalogue import base_of, solver_of, value_text
from tfapp.report.result_table import DASH, ResultTable, mean_and_spread
from tfapp.reproduce.bpgrad.published import published_row
from tfapp.reproduce.bpgrad.solver_runs import train_by
from tfapp.runs.checkpoints import read_history
from tfapp.segmentation.evaluation import EvaluationData, Segmenter, evaluate
from tfapp.segmentation.training import train

# Of table 3.4, by the attributes of a `Row`; the fourth is their mean.
MEASURES = {"mean_iou": "mean IU %", "accuracy": "pixel accuracy %", "mean_accuracy": "mean accuracy %"}
AVERAGE = "average %"


def tried_values(solver, config):
    """Return the values of a solver's parameter that its search trains with: none where there is nothing to search.

    Args:
        solver, config: As for `best_value`.
    """
    values = solver_of(solver).values
    return values if len(values) > 1 and config.epochs else ()


def best_value(spec, out, config, solver, progress):
    """Return the value of a solver's parameter with the smallest validation loss after a short training.

    Where the smallest or the largest value is best, the next one beyond it is tried too. A solver with one value keeps
    it; so does one with no epochs for the search, or whose trainings all diverge.

    Args:
        spec, out, solver, progress: As for `train_by`.
        config: The `TrainConfig` of the short trainings.
    """
    found, losses, left = solver_of(solver), {}, list(tried_values(solver, config))
    while left:
        value = left.pop(0)
        run = train_by(train, solver, value, spec, out, config, progress)
        losses[value] = read_history(run.path)[-1]["val_loss"] if run else np.inf
        best = min(losses, key=losses.get)
        if not left and losses[best] < np.inf and (beyond := found.beyond(losses, best)) is not None:
            left.append(beyond)
    return best if losses and losses[best] < np.inf else found.value


def clean_row(run):
    """Return the `Row` of a run on its clean test images."""
    return evaluate(Segmenter(run), EvaluationData(run), parse_noises(["gaussian=0"])).rows[0]


def percentages(row):
    """Return the four numbers of table 3.4 of a `Row`, in percent: those of `MEASURES`, and their mean."""
    numbers = [100 * getattr(row, name) for name in MEASURES]
    return [*numbers, float(np.mean(numbers))]


class SolverTable:
    """What several solvers reach with one network, over seeds, beside what is printed in table 3.4."""

    def __init__(self):
        self._results = {}

    def add(self, solver, value, seed, row):
        """Add a training; `row` is that of the clean test images, None if the training diverged."""
        self._results.setdefault((solver, value), []).append((seed, row))

    def table(self) -> ResultTable:
        """Return a row for each solver: mean ± standard deviation and the printed number, best average first."""
        header = ["solver", "parameter", "options"]
        for title in (*MEASURES.values(), AVERAGE):
            header += [title, "printed"]
        ranked = sorted(self._results, key=self._average, reverse=True)
        return ResultTable(header, [self._row(key) for key in ranked])

    def write_csv(self, path):
        """Write one row for each training."""
        rows = []
        for (solver, value), results in self._results.items():
            for seed, row in results:
                numbers = [f"{number:.3f}" for number in percentages(row)] if row else ["diverged"]
                rows.append([solver, solver_of(solver).parameter, value, seed, *numbers])
        header = ["solver", "parameter", "value", "seed", *MEASURES.values(), AVERAGE]
        ResultTable(header, rows).write_csv(path)

    def _row(self, key):
        (solver, value), results = key, self._results[key]
        kept = np.array([percentages(row) for _, row in results if row])
        lost = f" ({len(results) - len(kept)} diverged)" if len(kept) < len(results) else ""
        found = solver_of(solver)
        cells = [found.title + lost, f"{found.symbol} {value_text(value)}", found.told or DASH]
        printed = published_row("3.4", base_of(solver)) or [DASH] * (len(MEASURES) + 1)
        for place, number in enumerate(printed):
            cells += [mean_and_spread(kept[:, place] if len(kept) else [], ".1f"), number]
        return cells

    def _average(self, key):
        kept = [percentages(row)[-1] for _, row in self._results[key] if row]
        return np.mean(kept) if kept else -1.0
