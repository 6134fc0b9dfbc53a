"""Results of the solvers over seeds, as a table."""

import csv
from collections import defaultdict

import numpy as np

from tfapp.files import atomic_path
from tfapp.optimizers import SOLVERS
from tfapp.result_text import markdown_table, mean_and_spread
from tfapp.solvers.trainings.grid import at_the_edge

MEASURES = ("train_objective", "train_error", "test_error")
HEADER = ("solver", "parameter", "training objective", "training error %", "test error %")


class Comparison:
    """Trainings of several solvers, each over the same seeds.

    Args:
        results: What `tfapp.solvers.trainings.training.train` returned.
    """

    def __init__(self, results):
        self.by_solver = defaultdict(list)
        for result in results:
            self.by_solver[result["solver"]].append(result)

    def rows(self):
        """Return the rows of `HEADER` as text, mean ± standard deviation over seeds, best test error first."""
        return [self._row(solver) for solver in sorted(self.by_solver, key=self._test_error)]

    def curves(self, column):
        """Return {title: (seeds, epochs) array} of a column of the histories; diverged trainings are left out."""
        curves = {
            SOLVERS[solver].title: [r["history"][column] for r in results if not r["diverged"]]
            for solver, results in self.by_solver.items()
        }
        return {title: np.array(values) for title, values in curves.items() if values}

    def markdown(self):
        """Return the table as Markdown."""
        return markdown_table(HEADER, self.rows()) + "\n"

    def write_csv(self, path):
        """Write one row for each training."""
        with atomic_path(path) as temporary, temporary.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["solver", "parameter", "value", "seed", "epochs", *MEASURES, "diverged"])
            for results in self.by_solver.values():
                for r in results:
                    numbers = ["" if r["diverged"] else f"{r[name]:.6g}" for name in MEASURES]
                    row = [r[name] for name in ("solver", "parameter", "value", "seed", "epochs")]
                    writer.writerow([*row, *numbers, r["diverged"]])

    def _row(self, solver):
        results = self.by_solver[solver]
        value = results[0]["value"]
        text = value if isinstance(value, str) else f"{value:g}"
        if text == "auto":
            found = [r["measured"]["lipschitz"] for r in results if not r["diverged"]]
            text = f"auto: {mean_and_spread(found, '.3g')}"
        letter = {"lipschitz": "L", "learning_rate": "rate"}[SOLVERS[solver].parameter]
        parameter = f"{letter} {text}{' *' if at_the_edge(solver, value) else ''}"
        kept = [r for r in results if not r["diverged"]]
        lost = "" if len(kept) == len(results) else f" ({len(results) - len(kept)} diverged)"
        numbers = [
            mean_and_spread([r[name] for r in kept], form)
            for name, form in zip(MEASURES, (".4f", ".2f", ".2f"), strict=True)
        ]
        return [SOLVERS[solver].title + lost, parameter, *numbers]

    def _test_error(self, solver):
        return np.mean([r.get("test_error", np.inf) for r in self.by_solver[solver]])
