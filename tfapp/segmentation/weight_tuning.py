"""The weight of converged total variation behind a trained segmenter, chosen on images that are no test images."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from tfapp.data import parse_noises
from tfapp.errors import InputError
from tfapp.files import write_text
from tfapp.report.colours import qualitative
from tfapp.report.figures import save_png
from tfapp.report.result_table import ResultTable, document
from tfapp.runs.progress import SILENT
from tfapp.segmentation.evaluation import EvaluationData, Row, Segmenter, measure
from tfapp.segmentation.keras_file import KerasFile
from tfapp.segmentation.tested_images import is_own

WEIGHTS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)


@dataclass(frozen=True)
class Tuning:
    """What each weight gives under each noise.

    Attributes:
        title: Of the segmenter.
        images: Words on the images that choose.
        rows: By weight, 0 (the model as it is) first, one `Row` for each noise.
    """

    title: str
    images: str
    rows: dict[float, tuple[Row, ...]]

    @property
    def best(self):
        """The weight with the highest mean IoU, on average over the noises; the smallest of several."""
        return max(self.rows, key=lambda weight: (self._mean(weight, "mean_iou"), -weight))

    @property
    def sentence(self):
        """What was found, in words."""
        plain, best = (100 * self._mean(weight, "mean_iou") for weight in (0.0, self.best))
        if not self.best:
            return f"No weight does better than {self.title} as it is, on {self.images}: mIoU {plain:.2f} %."
        edge = " It is the largest that was tried: try larger ones." if self.best == max(self.rows) else ""
        return f"λ = {self.best:g} has the highest mIoU on {self.images}: {best:.2f} %, {plain:.2f} % without it.{edge}"

    def table(self):
        """Return a row for each weight: mIoU and RE under each noise, in percent."""
        noises = [row.noise for row in self.rows[0.0]]
        header = ["λ", *(f"mIoU, {noise}" for noise in noises), *(f"RE, {noise}" for noise in noises)]
        rows = [
            [
                f"{weight:g}",
                *(f"{100 * row.mean_iou:.2f}" for row in measured),
                *(f"{row.regularisation_effect:.2f}" for row in measured),
            ]
            for weight, measured in self.rows.items()
        ]
        return ResultTable(header, rows, f"{self.title}+TV(λ) [%], {self.images}")

    def figure(self):
        """Return the figure of mIoU and RE over the weights, a line for each noise."""
        figure = Figure(figsize=(10, 4), layout="constrained")
        weights = list(self.rows)
        for axes, (name, label, scale) in zip(
            figure.subplots(1, 2),
            (("mean_iou", "mIoU [%]", 100), ("regularisation_effect", "RE [%] (smaller is smoother)", 1)),
            strict=True,
        ):
            for index, row in enumerate(self.rows[0.0]):
                values = [scale * getattr(self.rows[weight][index], name) for weight in weights]
                axes.plot(
                    range(len(weights)), values, "o-", color=qualitative(index), label=row.noise, markersize=4
                )
            axes.axvline(weights.index(self.best), color="black", linewidth=0.8, linestyle=":")
            axes.set_xticks(range(len(weights)), [f"{weight:g}" for weight in weights])
            axes.set_xlabel("λ of the total variation behind the model; dotted: the best")
            axes.set_ylabel(label)
            axes.grid(alpha=0.3)
            axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
        return figure

    def write(self, folder, command):
        """Write table (Markdown, CSV) and figure into a folder; return their paths."""
        paths = [folder / f"tune-tv.{kind}" for kind in ("md", "csv", "png")]
        title = f"Weight of the total variation behind {self.title}"
        write_text(paths[0], document(self.table(), [self.sentence], title=title, command=command))
        self.table().write_csv(paths[1])
        save_png(self.figure(), paths[2])
        return paths

    def _mean(self, weight, name):
        return float(np.mean([getattr(row, name) for row in self.rows[weight]]))


def tune_weight(source, dataset=None, weights=WEIGHTS, noises=None, *, seed=0, progress=SILENT):
    """Measure a segmenter with converged total variation of several weights on images that may choose.

    Args:
        source: `Run` or `KerasFile` without a TV head.
        dataset: `Dataset` whose images choose, as `images_to_tune_on` says; None for a run's validation images.
        weights: Weights to choose from, > 0; the model as it is always takes part.
        noises: List of `Noise`; None for clean images.
        seed: Seed of the noise.
        progress: `Progress`.

    Returns:
        A `Tuning`.

    Raises:
        InputError: For a model with a TV head, a weight that is none, images that nobody may choose on.
    """
    if source.has_tv_head:
        raise InputError(
            f"{source.path} has a TV head already, whose λ was learned; tune a model without one."
        )
    wrong = next((one for one in weights if not (np.isfinite(one) and one > 0)), None)
    if wrong is not None or not weights:
        raise InputError(f"Expected weights > 0, such as 0.5,1,2; got {'none' if wrong is None else wrong}.")
    items, words = images_to_tune_on(source, dataset)
    data = EvaluationData(source, dataset or source.dataset, items)
    if data.order_remark:
        progress.say(data.order_remark)
    noises = parse_noises(["gaussian=0"]) if noises is None else noises
    tried = (0.0, *sorted(set(weights)))
    with progress.task("choosing λ", len(tried)) as task:
        rows = measure_weights(source, data, tried, noises, seed=seed, advance=task.advance)
    return Tuning(source.title, words, rows)


def measure_weights(source, data, weights, noises, *, seed=0, advance=lambda: None):
    """Return, by weight, a `Row` for each noise of a segmenter with converged total variation behind it, a tuple.

    Args:
        source: `Run` or `KerasFile` without a TV head.
        data: `EvaluationData` of it.
        weights: Weights >= 0; 0 for the model as it is.
        noises: List of `Noise`.
        seed: Seed of the noise.
        advance: Called after each weight, for a progress bar.
    """
    rows = {}
    for weight in weights:
        segmenter = Segmenter(source, weight or None)
        rows[weight] = tuple(measure(segmenter, data, noise, seed) for noise in noises)
        advance()
    return rows


def images_to_tune_on(source, dataset=None):
    """Return the items that may choose a weight, and words on them.

    They are the validation images of a run, also where the data that it was trained on are named again; of other data
    the official validation images, else the official training images, else all of them.

    Raises:
        InputError: A run without validation images, or a file without data.
    """
    is_run = not isinstance(source, KerasFile)
    if is_run and (dataset is None or is_own(source, dataset)):
        items = source.items("validation")
        if not items:
            raise InputError(
                f"{source.path} was trained without validation images; name images that may choose the weight, such "
                "as folder:PATH, and test on others."
            )
        return items, f"the {len(items)} validation image(s) of {source.path}"
    if dataset is None:
        raise InputError(
            f"{source.path} does not say on which images to choose; name them, such as folder:PATH, and test on others."
        )
    if dataset.official_split is None:
        return (
            dataset.items,
            f"all {len(dataset.items)} image(s) of {dataset.spec}, which are no test images now",
        )
    split = dataset.official_split
    kind, names = ("validation", split.validation) if split.validation else ("training", split.train)
    return dataset.select(names), f"the {len(names)} official {kind} image(s) of {dataset.spec}"
