"""Comparison of several segmenters: a table of measures under noise, as text, CSV and figure."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from tfapp.errors import InputError
from tfapp.files import write_text
from tfapp.models.tiling import AUTO, TiledNetwork, tile_side
from tfapp.report.colours import qualitative
from tfapp.report.figures import save_png
from tfapp.report.result_table import ResultTable, Summary, document
from tfapp.runs.progress import SILENT
from tfapp.segmentation.changed_data import on_changed_files
from tfapp.segmentation.config import option_words
from tfapp.segmentation.evaluation import (
    EvaluationData,
    Segmenter,
    border_of,
    check_membranes,
    evaluate,
    of_measures,
    store_metrics,
)
from tfapp.segmentation.keras_file import KerasFile
from tfapp.segmentation.shape_scores import ShapeScores, shape_table
from tfapp.segmentation.stored_config import with_defaults
from tfapp.segmentation.tested_images import images_to_test, own_test_images_remark

MEASURES = {"mIoU": "mean_iou", "accuracy": "accuracy", "RE": "regularisation_effect"}


class Comparison:
    """Evaluations grouped by title: rows are noises, columns are (title, measure).

    Runs of one title are averaged, as trainings with other seeds. Those that differ in more get titles that
    say in what, such as `Unet (--train-noise gaussian=0.05)`, and those that were trained on other data titles that
    name these: `Unet (trained on folder:cells)`.

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
                    if self.has_shapes:
                        numbers += [value for scores in row.shapes for value in scores]
                    rows.append([title, evaluation.run, row.noise, *(f"{value:.4f}" for value in numbers)])
        header = ["title", "run", "noise", *MEASURES, *(f"IoU {name}" for name in names)]
        if self.has_shapes:
            header += [f"{measure} {name}" for name in names for measure in ShapeScores._fields]
        return ResultTable(header, rows)

    def tables(self) -> list[ResultTable]:
        """Return a table for each measure, one of shapes and one of membrane scores if there are any.

        One wide table would not fit a terminal.
        """
        titles, found = list(self.groups), []
        for measure in MEASURES:
            rows = [
                [noise, *(str(self.cell(title, i, measure)) for title in titles)]
                for i, noise in enumerate(self.noises)
            ]
            smoother = ", smaller is smoother" if measure == "RE" else ""
            title = f"{measure} [%{smoother}], {self.test_images()}"
            found.append(ResultTable(["noise", *titles], rows, title))
        found += self.shape_tables()
        membranes = list(self._membrane_rows())
        if membranes:
            header = ["", "V_rand [%]", "at threshold", "V_info [%]", "at threshold"]
            found.append(
                ResultTable(header, membranes, f"membrane scores (ISBI 2012), {self.test_images()}, clean")
            )
        return found

    def shape_tables(self) -> list[ResultTable]:
        """Return the table of the shape scores of all titles under all noises, if there are any, in a list."""
        if not self.has_shapes:
            return []
        groups = {title: [one.rows for one in group] for title, group in self.groups.items()}
        names = self.evaluations[0].class_names
        return [shape_table(groups, names, f"shapes, {self.test_images()}, means over images")]

    def _membrane_rows(self):
        for title, evaluations in self.groups.items():
            for evaluation in (each for each in evaluations if each.membranes):
                rand, information, *thresholds = evaluation.membranes
                name = title if len(evaluations) == 1 else f"{title}, {Path(evaluation.run).name}"
                numbers = (
                    (100 * rand, ".2f"),
                    (thresholds[0], ".1f"),
                    (100 * information, ".2f"),
                    (thresholds[1], ".1f"),
                )
                yield name, *(f"{number:{form}}" for number, form in numbers)

    @property
    def evaluations(self):
        """All `Evaluation`s, title by title."""
        return [evaluation for group in self.groups.values() for evaluation in group]

    @property
    def has_shapes(self):
        """Whether all evaluations have shape scores."""
        return all(evaluation.clean.shapes for evaluation in self.evaluations)

    def test_images(self):
        """Return how many test images there were, as words."""
        counts = sorted({evaluation.images for evaluation in self.evaluations})
        return f"{' to '.join(map(str, counts[:: max(len(counts) - 1, 1)]))} test image(s)"

    def remarks(self):
        """Return sentences: IoU of every class and loss on clean images, means over the runs of a title; and doubts.

        The doubts are on what does not compare: runs that were tested on different data or images.
        """
        sentences = []
        for title, evaluations in self.groups.items():
            means = np.mean([one.clean.class_iou for one in evaluations], axis=0)
            ious = zip(evaluations[0].class_names, means, strict=True)
            shown = ", ".join(f"{name} {100 * value:.2f}" for name, value in ious)
            loss = np.mean([one.loss for one in evaluations])
            over = f", means over {len(evaluations)} runs" if len(evaluations) > 1 else ""
            sentences.append(f"{title}: IoU on clean images{over}: {shown}; loss {loss:.4f}")
        return sentences + self.on_other_images()

    def on_other_images(self):
        """Return a list of the sentence on runs that were tested on different data or images, or an empty one."""
        trained = [one.trained_on for one in self.evaluations if one.trained_on is not None]
        known = [evaluation for evaluation in self.evaluations if evaluation.names]
        # A copy of the data in another folder is no other data.
        if len({one.tested_on for one in known}) > 1 and len(_different(trained)) > 1:
            return [
                "The runs were tested on different data, so their numbers do not compare; name data as the last "
                "argument, such as folder:PATH, to test all of them on the same."
            ]
        if on_changed_files(one.tested for one in self.evaluations):
            return [
                "The runs were tested on different data, files of one name that differ, so their numbers do not "
                "compare; run `tfapp evaluate` with all of them to test them on the same."
            ]
        if len({frozenset(evaluation.names) for evaluation in known}) > 1:
            return [
                "The runs were tested on different images, as their splits differ, so small differences between them "
                "mean little."
            ]
        return []

    def write(self, folder):
        """Write the table (Markdown, CSV) and the figure into a folder; return their paths."""
        paths = [folder / "noise-table.md", folder / "noise-table.csv", folder / "noise.png"]
        self.write_markdown(paths[0])
        self.write_csv(paths[1])
        self.write_figure(paths[2])
        return paths

    def write_csv(self, path):
        """Write the `runs_table`."""
        self.runs_table().write_csv(path)

    def write_markdown(self, path):
        """Write the `table`."""
        write_text(path, document(self.table(), f"Measured on {self.test_images()}."))

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


def compare(
    sources,
    noises,
    *,
    post_tv=(),
    seed=0,
    dataset=None,
    membranes=False,
    shapes=False,
    tile=AUTO,
    margin=None,
    progress=SILENT,
):
    """Evaluate runs and files, those without a TV head also with each post-TV weight; compare the results.

    Args:
        sources: List of `Run` and `KerasFile`.
        noises: List of `Noise`.
        post_tv: Weights of converged TV behind a softmax.
        seed: Seed of the noise.
        dataset: `Dataset` to test on, the images as `images_to_test` says. None for the test images of every run, which
            its `metrics.json` then tells of; files have those of the first run.
        membranes: Whether to add the membrane scores; the name of a class for scores of that one in place of membranes.
        shapes: Whether to add the shape scores of each class under each noise.
        tile, margin: As of `TiledNetwork`, for images that are large at the size that a network works at.
        progress: `Progress` that shows how many noises are done, and how many tiles of a large image.

    Returns:
        The `Comparison`.

    Raises:
        InputError: As `Comparison`; for a dataset of other classes; for membrane scores of data without membranes; for
            tiles that a network cannot have.
    """
    for source in sources:
        if not isinstance(source, KerasFile):
            source.check_trained()
    weights = [(None, *(() if source.has_tv_head else post_tv)) for source in sources]
    if tile_side(tile) != AUTO:
        # Before anything is evaluated, and its measures stored.
        for source, heads in zip(sources, weights, strict=True):
            for weight in heads:
                TiledNetwork(source.network(weight), source.channels, tile, margin)
    # In reverse, to be taken from the end and not kept beyond their turn: decoded images are large.
    jobs = list(zip(sources, _test_data(sources, dataset, progress.say), weights, strict=True))[::-1]
    if membranes:
        for _, data, _ in jobs:
            check_membranes(data.dataset, border_of(membranes))
    evaluations = []
    with progress.task("evaluating", sum(map(len, weights)) * len(noises)) as task:
        while jobs:
            source, data, heads = jobs.pop()
            for weight in heads:
                segmenter = Segmenter(source, weight, tile=tile, margin=margin, progress=progress)
                remark = segmenter.remark(map(data.size_of, data.items))
                if remark:
                    progress.say(of_measures(segmenter.title, remark))
                task(task.done, note=segmenter.title)
                options = {"seed": seed, "membranes": membranes, "shapes": shapes, "advance": task.advance}
                evaluations.append(evaluate(segmenter, data, noises, **options))
                is_kept = dataset is None and not isinstance(source, KerasFile)
                if is_kept and not (remark and remark.is_inexact):
                    store_metrics(source, evaluations[-1])
    return Comparison(evaluations)


def _test_data(sources, dataset, say):
    runs = [source for source in sources if not isinstance(source, KerasFile)]
    if dataset is not None and (remark := own_test_images_remark(runs, dataset)):
        say(remark)
    found = [_test_data_of(source, dataset, runs) for source in sources]
    for remark in filter(None, (data.order_remark for data in found)):
        say(remark)
    return found


def _test_data_of(source, dataset, runs):
    is_file = isinstance(source, KerasFile)
    if dataset is not None:
        return EvaluationData(source, dataset, images_to_test(None if is_file else source, dataset, runs))
    return (
        EvaluationData(source, runs[0].dataset, runs[0].items("test")) if is_file else EvaluationData(source)
    )


def _told_apart(evaluations):
    """Return the title of each evaluation, with the settings and the data in which others of the same title differ."""
    same_title = {}
    for evaluation in evaluations:
        same_title.setdefault(evaluation.title, []).append(evaluation)
    settings = {title: [with_defaults(one.settings) for one in group] for title, group in same_title.items()}
    data = {title: _data_in_words(group) for title, group in same_title.items()}
    for evaluation in evaluations:
        own, others = with_defaults(evaluation.settings), settings[evaluation.title]
        apart = [name for name in own if any(other.get(name) != own[name] for other in others)]
        words = [*(_in_words(name, own[name]) for name in apart), *data[evaluation.title](evaluation)]
        yield f"{evaluation.title} ({', '.join(words)})" if words else evaluation.title


def _data_in_words(evaluations):
    """Return a function of an evaluation to words on what it was trained on, none if that is the same for all."""
    found = _different([one.trained_on for one in evaluations if one.trained_on is not None])
    names = next(
        names
        for names in (
            [
                f"{kind}:{path.rstrip('/').rpartition('/')[2]}"
                for kind, _, path in (d.spec.partition(":") for d in found)
            ],
            [one.spec for one in found],
            # One folder whose files or classes changed between the trainings.
            [f"version {number} of {one.spec}" for number, one in enumerate(found, 1)],
        )
        if len(set(names)) == len(found)
    )

    def words(evaluation):
        if len(found) < 2 or evaluation.trained_on is None:
            return []
        place = next(place for place, one in enumerate(found) if one.is_same(evaluation.trained_on))
        return [f"trained on {names[place]}"]

    return words


def _different(trained):
    """Return the `TrainingData` that differ, each once."""
    found = []
    for one in trained:
        if not any(one.is_same(other) for other in found):
            found.append(one)
    return found


def _in_words(name, value):
    return f"without --{name.replace('_', '-')}" if value is None else " ".join(option_words(name, value))
