"""Several evaluations side by side: the paper's table, as text, CSV and figure."""

import numpy as np
from matplotlib.figure import Figure

from tfapp.errors import InputError
from tfapp.files import write_text
from tfapp.report.colours import qualitative
from tfapp.report.figures import save_png
from tfapp.report.result_table import ResultTable, Summary, document
from tfapp.segmentation.config import option_words, with_defaults

MEASURES = {"mIoU": "mean_iou", "accuracy": "accuracy", "RE": "regularisation_effect"}


class Comparison:
    """Evaluations grouped by title: rows are noises, columns are (title, measure).

    Runs of one title are averaged, as trainings with other seeds. Those that differ in more get titles that
    say in what, such as `Unet (--train-noise gaussian=0.05)`.

    Raises:
        InputError: If the evaluations are of different classes or noises.
    """

    def __init__(self, evaluations):
        self.noises = [row.noise for row in evaluations[0].rows]
        self.groups = {}
        for evaluation, title in zip(evaluations, _told_apart(evaluations), strict=True):
            if [row.noise for row in evaluation.rows] != self.noises:
                raise InputError(
                    f"{evaluation.run} was tested under other noises than {evaluations[0].run}; evaluate them together."
                )
            if evaluation.class_names != evaluations[0].class_names:
                raise InputError(
                    f"{evaluation.run} has other classes than {evaluations[0].run}; compare runs of one dataset."
                )
            self.groups.setdefault(title, []).append(evaluation)

    def cell(self, title, noise_index, measure):
        """Return the `Summary` over seeds of one measure (`mIoU`, `accuracy` or `RE`), in percent."""
        scale = 1.0 if measure == "RE" else 100.0
        return Summary.of(
            [
                scale * getattr(evaluation.rows[noise_index], MEASURES[measure])
                for evaluation in self.groups[title]
            ]
        )

    def table(self) -> ResultTable:
        """Return a row for each noise with every measure of every title, in percent."""
        columns = [(title, measure) for measure in MEASURES for title in self.groups]
        return ResultTable(
            ["noise", *(f"{title} {measure}" for title, measure in columns)],
            [
                [noise, *(f"{self.cell(title, i, measure)}" for title, measure in columns)]
                for i, noise in enumerate(self.noises)
            ],
        )

    def runs_table(self) -> ResultTable:
        """Return a row for each title, run and noise with all measures, so that nothing is averaged away."""
        names = next(iter(self.groups.values()))[0].class_names
        rows = []
        for title, evaluations in self.groups.items():
            for evaluation in evaluations:
                for row in evaluation.rows:
                    measures = [100 * row.mean_iou, 100 * row.accuracy, row.regularisation_effect]
                    numbers = [*measures, *(100 * value for value in row.class_iou)]
                    rows.append([title, evaluation.run, row.noise, *(f"{value:.4f}" for value in numbers)])
        return ResultTable(["title", "run", "noise", *MEASURES, *(f"IoU {name}" for name in names)], rows)

    def markdown(self):
        """Return the table as Markdown, in percent."""
        return document(self.table())

    def write_csv(self, path):
        """Write the `runs_table`."""
        self.runs_table().write_csv(path)

    def write_markdown(self, path):
        write_text(path, self.markdown())

    def figure(self):
        """Return the figure of mIoU and RE against the standard deviation of Gaussian noise."""
        figure = Figure(figsize=(10, 4), layout="constrained")
        for axes, measure in zip(figure.subplots(1, 2), ("mIoU", "RE"), strict=True):
            for index, title in enumerate(self.groups):
                self.plot(axes, title, measure, qualitative(index))
            axes.set_xlabel("standard deviation σ of Gaussian noise")
            axes.set_ylabel(f"{measure} [%]" + (" (smaller is smoother)" if measure == "RE" else ""))
            axes.grid(alpha=0.3)
            axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
        return figure

    def write_figure(self, path):
        save_png(self.figure(), path)

    def plot(self, axes, title, measure, colour, label=None, style="o-"):
        """Draw the mean of a measure against sigma into Matplotlib axes, with a band of the spread over seeds."""
        rows = self.groups[title][0].rows
        chosen = [i for i, row in enumerate(rows) if row.kind == "gaussian"]
        sigma = [rows[i].amount for i in chosen]
        cells = [self.cell(title, i, measure) for i in chosen]
        mean = np.array([cell.mean for cell in cells])
        spread = np.array([cell.spread for cell in cells])
        axes.plot(sigma, mean, style, color=colour, label=label or title, markersize=4)
        if cells[0].runs > 1:
            axes.fill_between(sigma, mean - spread, mean + spread, color=colour, alpha=0.15, linewidth=0)


def _told_apart(evaluations):
    """Return the title of each evaluation, with the settings in which others of the same title differ."""
    same_title = {}
    for evaluation in evaluations:
        same_title.setdefault(evaluation.title, []).append(with_defaults(evaluation.settings))
    for evaluation in evaluations:
        own, others = with_defaults(evaluation.settings), same_title[evaluation.title]
        apart = [name for name in own if any(other.get(name) != own[name] for other in others)]
        words = ", ".join(_in_words(name, own[name]) for name in apart)
        yield f"{evaluation.title} ({words})" if words else evaluation.title


def _in_words(name, value):
    return f"without --{name.replace('_', '-')}" if value is None else " ".join(option_words(name, value))
