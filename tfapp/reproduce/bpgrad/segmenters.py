"""Solvers that train a segmenter: trainings, the table of what they reach, and their learning curves."""

from dataclasses import replace

import numpy as np

from tfapp.data import parse_noises
from tfapp.optimizers.catalogue import base_of, solver_of, value_text
from tfapp.report.result_table import DASH, ResultTable, mean_and_spread
from tfapp.reproduce.bpgrad.published import published_row
from tfapp.runs.callbacks import TrainingDiverged
from tfapp.runs.checkpoints import read_history
from tfapp.segmentation.evaluation import EvaluationData, Segmenter, evaluate
from tfapp.segmentation.training import train

# Of table 3.4, by the attributes of a `Row`; the fourth is their mean.
MEASURES = {"mean_iou": "mean IU %", "accuracy": "pixel accuracy %", "mean_accuracy": "mean accuracy %"}
AVERAGE = "average %"
# Columns of `history.csv` that figures 3.23 and A.10 show, with the titles of their panels.
CURVES = {"accuracy": "training images", "val_accuracy": "validation images"}


def setting_text(name, value):
    """Return the text that `tfapp.optimizers.catalogue.read_setting` reads a solver and its value from.

    Args:
        name: A solver with or without options, such as `adam:beta_1=0.99`.
        value: Of its parameter.

    Example:
        >>> setting_text("adam:beta_1=0.99", 1e-5)
        'adam=1e-05:beta_1=0.99'
    """
    base, *options = name.split(":")
    return ":".join([f"{base}={value}", *options])


def train_by(solver, value, spec, out, config, progress):
    """Train a segmenter by a solver, or resume where it stood; return the `Run`, or None if it diverged.

    Args:
        solver, value, spec, out, config: As for `training_by`.
        progress: `Progress`.
    """
    arguments = training_by(solver, value, spec, out, config)
    try:
        return train(*arguments, progress=progress, title=arguments[1].name)
    except TrainingDiverged:
        return None


def training_by(solver, value, spec, out, config):
    """Return the arguments of `tfapp.segmentation.training.train` that train a segmenter by a solver.

    Args:
        solver: One of `tfapp.optimizers.SOLVERS`, with or without options.
        value: Of its parameter.
        spec: Dataset as on the command line.
        out: Folder that holds the folder of the run.
        config: The `TrainConfig`, the solver aside.
    """
    name = f"{solver}-{value_text(value)}-seed{config.seed}".replace(":", ",").replace("/", ",")
    return spec, out / name, replace(config, solver=setting_text(solver, value))


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
        run = train_by(solver, value, spec, out, config, progress)
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


class LearningCurves:
    """Pixel accuracy of several solvers over the epochs of their trainings, and over seeds."""

    def __init__(self):
        self._rows = {}

    def add(self, solver, value, seed, rows):
        """Add the rows of a training's history."""
        self._rows.setdefault((solver, value), []).append((seed, rows))

    def table(self) -> ResultTable:
        """Return a row for each solver: the accuracies of its last epoch, mean ± standard deviation in percent."""
        rows = []
        for (solver, value), trainings in self._rows.items():
            ends = [[100 * rows[-1].get(name, np.nan) for name in CURVES] for _, rows in trainings]
            numbers = [mean_and_spread(column, ".1f") for column in np.transpose(ends)]
            rows.append([self._title(solver), f"{solver_of(solver).symbol} {value_text(value)}", *numbers])
        titles = [f"pixel accuracy %, {title}" for title in CURVES.values()]
        return ResultTable(["solver", "parameter", *titles], rows)

    def write_csv(self, path):
        """Write one row for each epoch of each training."""
        written = [
            [*key, seed, row["epoch"], *(row.get(name, "") for name in ("loss", "val_loss", *CURVES))]
            for key, trainings in self._rows.items()
            for seed, rows in trainings
            for row in rows
        ]
        header = ["solver", "value", "seed", "epoch", "loss", "val_loss", *CURVES]
        ResultTable(header, written).write_csv(path)

    def save_png(self, path, title):
        """Draw the pixel accuracy on training and on validation images over the epochs.

        Lines are means over seeds, as far as the shortest training goes; bands reach from the smallest to the largest.

        Args:
            path: PNG file, written by write-then-rename.
            title: Text above the panels.
        """
        from matplotlib.figure import Figure

        from tfapp.report.figures import save_png

        figure = Figure(figsize=(11, 4.8), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        for axes, (column, panel_title) in zip(panels, CURVES.items(), strict=True):
            self._draw(axes, column)
            axes.set(xlabel="epoch", title=panel_title)
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.grid(alpha=0.3)
        panels[0].set_ylabel("pixel accuracy, %")
        figure.legend(handles=panels[0].get_lines(), loc="outside right upper", frameon=False)
        figure.suptitle(title)
        save_png(figure, path)

    def _draw(self, axes, column):
        from tfapp.report.colours import qualitative

        for number, ((solver, _), trainings) in enumerate(self._rows.items()):
            length = min(len(rows) for _, rows in trainings)
            shown = [[row.get(column, np.nan) for row in rows[:length]] for _, rows in trainings]
            curves = 100 * np.array(shown)
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
