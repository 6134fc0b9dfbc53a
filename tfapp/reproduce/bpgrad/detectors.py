"""Table of what detectors reach that several solvers have trained, beside table 3.3 as it is printed."""

import numpy as np

from tfapp.average_precision import ELEVEN_POINT
from tfapp.optimizers.catalogue import base_of, solver_of, value_text
from tfapp.report.result_table import DASH, ResultTable, mean_and_spread
from tfapp.reproduce.bpgrad.published import published_columns, published_row


class PrecisionTable:
    """What several solvers reach with one network, over seeds, in percent."""

    def __init__(self):
        self._results = {}

    def add(self, solver, value, seed, scores):
        """Add a training; `scores` as `evaluate_detections` returns them, None if the training diverged."""
        self._results.setdefault((solver, value), []).append((seed, scores))

    def table(self) -> ResultTable:
        """Return a row for each solver: mean ± standard deviation and the printed mean, best first."""
        header = ["solver", "parameter", "options", "mean AP %", "printed, VOC 2007", "COCO AP %"]
        ranked = sorted(self._results, key=self._mean, reverse=True)
        return ResultTable(
            [*header, *(f"AP % {name}" for name in self._names())], list(map(self._row, ranked))
        )

    def write_csv(self, path):
        """Write one row for each training."""
        rows = []
        for (solver, value), results in self._results.items():
            for seed, scores in results:
                numbers = [f"{number:.3f}" for number in _numbers(scores)] if scores else ["diverged"]
                rows.append([solver, solver_of(solver).parameter, value, seed, *numbers])
        header = ["solver", "parameter", "value", "seed", "mean AP %", "COCO AP %"]
        ResultTable([*header, *(f"AP % {name}" for name in self._names())], rows).write_csv(path)

    def _names(self):
        found = (scores for results in self._results.values() for _, scores in results if scores)
        return next(found, {"class_names": []})["class_names"]

    def _row(self, key):
        (solver, value), results = key, self._results[key]
        kept = [_numbers(scores) for _, scores in results if scores]
        lost = f" ({len(results) - len(kept)} diverged)" if len(kept) < len(results) else ""
        found = solver_of(solver)
        cells = [found.title + lost, f"{found.symbol} {value_text(value)}", found.told or DASH]
        if not kept:
            return [*cells, DASH, _printed(solver), *[DASH] * (1 + len(self._names()))]
        mean, coco, *classes = (mean_and_spread(column, ".1f") for column in np.transpose(kept))
        return [*cells, mean, _printed(solver), coco, *classes]

    def _mean(self, key):
        kept = [_numbers(scores)[0] for _, scores in self._results[key] if scores]
        return np.mean(kept) if kept else -1.0


def _printed(solver):
    row = published_row("3.3", base_of(solver))
    return f"{row[-1]:.1f}" if row else DASH


def _numbers(scores):
    """Return the mean AP, COCO's AP and that of each class, in percent; NaN where there is none."""
    found = [scores["mean"][ELEVEN_POINT], scores["coco"]["numbers"]["AP"]]
    found += scores["average_precision"][ELEVEN_POINT]
    return [np.nan if number is None else 100 * number for number in found]


def printed_table() -> ResultTable:
    """Return table 3.3 as it is printed, as far as it survived: a row for each solver, a column for each class."""
    rows = [
        [solver_of(name).title, *(f"{number:.1f}" for number in row)]
        for name in ("sgd-momentum", "bpgrad")
        if (row := published_row("3.3", name))
    ]
    return ResultTable(["AP % as printed, VOC 2007", *published_columns("3.3")], rows)
