"""Learning curves of several solvers: numbers of their histories over the epochs, as a figure and a table."""

import numpy as np

from tfapp.optimizers.catalogue import solver_of, value_text
from tfapp.report.result_table import ResultTable, mean_and_spread


class LearningCurves:
    """Numbers of the histories of several solvers over the epochs of their trainings, and over seeds.

    Args:
        columns: Columns of `history.csv` to show, with the titles of their panels.
        noun: What they are, for axes and tables.
        factor: What they are multiplied by to be shown.
        digits: Behind the point in tables.
        others: Columns that are written beside them.
        shared: Whether the panels have one axis.
    """

    def __init__(self, columns, noun, *, factor=1.0, digits=3, others=(), shared=False):
        self.columns, self.noun, self.factor = columns, noun, factor
        self.digits, self.others, self.shared = digits, tuple(others), shared
        self._rows = {}

    def add(self, solver, value, seed, rows):
        """Add the rows of a training's history."""
        self._rows.setdefault((solver, value), []).append((seed, rows))

    def table(self) -> ResultTable:
        """Return a row for each solver: the numbers of its last epoch, mean ± standard deviation."""
        rows = []
        for (solver, value), trainings in self._rows.items():
            ends = [
                [self.factor * rows[-1].get(name, np.nan) for name in self.columns] for _, rows in trainings
            ]
            numbers = [mean_and_spread(column, f".{self.digits}f") for column in np.transpose(ends)]
            rows.append([self._title(solver), f"{solver_of(solver).symbol} {value_text(value)}", *numbers])
        titles = [f"{self.noun}, {title}" for title in self.columns.values()]
        return ResultTable(["solver", "parameter", *titles], rows)

    def write_csv(self, path):
        """Write one row for each epoch of each training."""
        written = [
            [*key, seed, row["epoch"], *(row.get(name, "") for name in (*self.others, *self.columns))]
            for key, trainings in self._rows.items()
            for seed, rows in trainings
            for row in rows
        ]
        header = ["solver", "value", "seed", "epoch", *self.others, *self.columns]
        ResultTable(header, written).write_csv(path)

    def save_png(self, path, title):
        """Draw the numbers over the epochs, a panel for each column.

        Lines are means over seeds, as far as the shortest training goes; bands reach from the smallest to the largest.

        Args:
            path: PNG file, written by write-then-rename.
            title: Text above the panels.
        """
        from matplotlib.figure import Figure

        from tfapp.report.figures import legend_beside, save_png

        figure = Figure(figsize=(11, 4.8), layout="constrained")
        panels = figure.subplots(1, len(self.columns), sharey=self.shared)
        for axes, (column, panel_title) in zip(panels, self.columns.items(), strict=True):
            self._draw(axes, column)
            axes.set(xlabel="epoch", title=panel_title)
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.grid(alpha=0.3)
        panels[0].set_ylabel(self.noun)
        legend_beside(figure, panels[0].get_lines())
        figure.suptitle(title)
        save_png(figure, path)

    def _draw(self, axes, column):
        from tfapp.report.colours import qualitative

        for number, ((solver, _), trainings) in enumerate(self._rows.items()):
            length = min(len(rows) for _, rows in trainings)
            shown = [[row.get(column, np.nan) for row in rows[:length]] for _, rows in trainings]
            curves = self.factor * np.array(shown)
            epochs = np.arange(1, length + 1)
            wide = 2.4 if solver.startswith("bpgrad") else 1.2
            options = {"color": qualitative(number), "label": self._title(solver)}
            axes.plot(epochs, curves.mean(0), linewidth=wide, **options)
            if len(curves) > 1:
                axes.fill_between(
                    epochs, curves.min(0), curves.max(0), color=options["color"], alpha=0.12, lw=0
                )

    def _title(self, solver):
        """Return a solver's title, with its options where several have one title."""
        found = solver_of(solver)
        others = [one for one, _ in self._rows if one != solver and solver_of(one).title == found.title]
        apart = set(found.told.split(", ")) - {
            text for one in others for text in solver_of(one).told.split(", ")
        }
        return ", ".join([found.title, *sorted(apart)]) if others else found.title
