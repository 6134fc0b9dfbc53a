"""Tables and figures of Jia, Liu and Tai as files: Markdown, CSV, pictures, one page."""

from dataclasses import dataclass, replace
from pathlib import Path

from matplotlib.figure import Figure

from tfapp.data import Noise, network_pair
from tfapp.files import write_text
from tfapp.report.colours import QUALITATIVE
from tfapp.report.figures import save_image, save_png
from tfapp.report.markup import Section, command, grid, paragraph, picture, result_box, table
from tfapp.report.page import shell
from tfapp.report.result_table import ResultTable, document
from tfapp.reproduce.tv.pairs import Pair, stored_pairs
from tfapp.reproduce.tv.tables import ASSUMED, BASELINE, SCALES, SOURCE, TABLES, TVTable, spaced
from tfapp.segmentation.coding import on_same_data
from tfapp.segmentation.comparison import Comparison
from tfapp.segmentation.config import with_defaults
from tfapp.segmentation.evaluation import Segmenter
from tfapp.segmentation.page.contents import current_metrics, entries_of
from tfapp.segmentation.page.noise_tables import class_tables, measure_tables
from tfapp.segmentation.page.page import origin_section
from tfapp.segmentation.page.pictures import noisy_at_own_size, share_right
from tfapp.segmentation.page.sections import legend
from tfapp.segmentation.page.sentences import in_words, key_results, training_noise_in_words
from tfapp.segmentation.pictures import as_rgb, contact_sheet, overlay

EXAMPLE_NOISE = Noise("gaussian", 0.07)
EXAMPLES = 3
# Lines of the models 1 and 2; side of an example in pixels.
STYLES = {1: "o-", 2: "s--"}
CELL = 190


@dataclass(frozen=True)
class TVResult:
    """What was trained and measured for one table.

    Attributes:
        table: The `TVTable`.
        scale: One of `SCALES`.
        command: The command line that made it.
        pairs: One `Pair` per seed.
        comparison: `Comparison` of the plain network, that with TV behind it, and the regularised one.
        figures: Pairs (path of a PNG, caption).
    """

    table: TVTable
    scale: str
    command: str
    pairs: list[Pair]
    comparison: Comparison
    figures: list[tuple[Path, str]]

    def notes(self):
        """Return the sentences that belong below the table."""
        return [self._images(), BASELINE, SCALES[self.scale], ASSUMED]

    def weights(self) -> ResultTable:
        """Return the chosen and the learned lambda of every seed."""
        plain, behind, regular = (title for title, *_ in self.pairs[0].heads)
        header = ["seed", f"λ of {behind}, chosen", f"λ of {regular}, learned"]
        rows = [[str(p.seed), f"{p.weight:g}", f"{p.learned_weight:.3f}"] for p in self.pairs]
        return ResultTable(header, rows, "Weights of the total variation")

    def markdown(self):
        """Return heading, command, table, lambdas and notes as Markdown."""
        notes = [self._cells(), *self.notes()]
        head = {"title": self.table.heading, "source": SOURCE, "command": self.command}
        return document(self.comparison.table(), self.weights(), notes, **head)

    def _cells(self):
        if len(self.pairs) == 1:
            return "One training each; in percent."
        return f"Mean ± standard deviation over {len(self.pairs)} trainings with other seeds, in percent."

    def _images(self):
        run, regular = self.pairs[0].plain, self.pairs[0].regular
        noise = training_noise_in_words(run) or "all clean"
        tested, of_all = self.comparison.groups[run.title][0].images, len(run.split.test)
        test = f"{tested}" if tested == of_all else f"{tested} of {of_all}, evenly spaced,"
        return (
            f"{run.title} and {regular.title} were trained alike on {len(run.split.train)} images, {noise}; "
            f"{len(run.split.validation)} images are for validation, {test} for testing, at their own size. Noise is "
            "added at the size that the network works at."
        )


def write_table(result, out):
    """Write the files of a `TVResult` to `out` and return their paths.

    The figures show the other model of the same subject too, if `out` has its runs, made with the same
    settings from the same data.
    """
    table = result.table
    pairs, comparisons = {table.model_number: result.pairs}, {table.model_number: result.comparison}
    other = _other_model(result, out)
    if other:
        pairs[3 - table.model_number] = other
        comparisons[3 - table.model_number] = Comparison([e for pair in other for e in _evaluations(pair)])
    curve, examples = (out / f"figure-{n}.png" for n in (table.curve_figure, table.example_figure))
    save_png(curve_figure(dict(sorted(comparisons.items()))), curve)
    first = {model: of_model[0] for model, of_model in sorted(pairs.items())}
    save_image(example_sheet(first, EXAMPLE_NOISE, EXAMPLES), examples)
    captions = (_curve_caption(table, comparisons), _example_caption(table, first))
    result = replace(result, figures=list(zip((curve, examples), captions, strict=True)))
    written = [out / f"{table.name}{suffix}" for suffix in (".md", ".csv", ".html")]
    write_text(written[0], result.markdown())
    result.comparison.write_csv(written[1])
    write_tv_page(result, written[2])
    return [*written, curve, examples]


def _other_model(result, out):
    """Return the `Pair`s of the other model in `out` that were trained and tested like those of the result."""
    folder = out / f"model-{3 - result.table.model_number}"
    found = stored_pairs(folder, result.table.subject.model)
    return [pair for pair in found if _alike(pair, result.pairs[0]) and _tested(pair, result.comparison)]


def _alike(pair, other):
    return all(
        _but_for_noise(run.settings) == _but_for_noise(like.settings) and on_same_data([run, like])
        for run, like in ((pair.plain, other.plain), (pair.regular, other.regular))
    )


def _but_for_noise(settings):
    return with_defaults(settings) | {"train_noise": None, "noisy_share": None}


def _tested(pair, comparison):
    evaluations = _evaluations(pair)
    images = next(iter(comparison.groups.values()))[0].images
    return len(evaluations) == len(pair.heads) and all(
        [row.noise for row in evaluation.rows] == comparison.noises and evaluation.images == images
        for evaluation in evaluations
    )


def _evaluations(pair):
    """Return the stored `Evaluation`s of a pair's three columns, as far as there are any."""
    stored = {run: {e.title: e for e in current_metrics(run)} for run in (pair.plain, pair.regular)}
    return [stored[run][title] for title, run, _ in pair.heads if title in stored[run]]


def _curve_caption(table, comparisons):
    runs = max(len(group) for comparison in comparisons.values() for group in comparison.groups.values())
    band = "; bands are the standard deviation over seeds" if runs > 1 else ""
    if len(comparisons) == 2:
        models = "Model 1 (solid) was trained on clean images, model 2 (dashed) on a noisy set"
    else:
        other = TABLES[table.number + 3 - 2 * table.model_number]
        models = (
            f"Model {table.model_number} only; tfapp reproduce {other.name} with this --out adds the other"
        )
    return f"Figure {table.curve_figure}: mIoU against the σ of Gaussian noise in the test images. {models}{band}."


def _example_caption(table, pairs):
    seed = " and ".join(dict.fromkeys(str(pair.seed) for pair in pairs.values()))
    return (
        f"Figure {table.example_figure}: test images at even steps from the list, not chosen by result, clean and "
        f"under {in_words(EXAMPLE_NOISE)}; seed {seed}. The number in an answer is the share of pixels that are right."
    )


def curve_figure(comparisons):
    """Return the Matplotlib figure of mIoU against the standard deviation of Gaussian test noise.

    Args:
        comparisons: `Comparison` of each model, 1 (drawn solid) or 2 (dashed), with the same titles in the
            same order. A band is the standard deviation over seeds.
    """
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    axes = figure.subplots()
    for model, comparison in comparisons.items():
        for colour, title in zip(QUALITATIVE, comparison.groups, strict=False):
            comparison.plot(axes, title, "mIoU", colour, f"{title}, model {model}", STYLES[model])
    axes.set_xlabel("standard deviation σ of Gaussian noise in the test images")
    axes.set_ylabel("mIoU [%]")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", frameon=False)
    return figure


def example_sheet(pairs, noise, count, seed=0):
    """Return a PIL picture: input, truth and answers, for test images that are evenly spaced, clean and noisy.

    Args:
        pairs: `Pair` of each model to show, by number.
        noise: `Noise` of every second row.
        count: Number of test images.
        seed: Seed of the noise.
    """
    run = next(iter(pairs.values())).plain
    items = run.items("test")
    heads = [(model, *head) for model, pair in pairs.items() for head in pair.heads]
    titles = [f"{title}, model {model}" if len(pairs) > 1 else title for model, title, _, _ in heads]
    segmenters = [Segmenter(run, weight) for _, _, run, weight in heads]
    rows, captions = [], []
    for position, item in spaced(tuple(enumerate(items)), count):
        for shown in (None, noise):
            pictures, shares = _row(run, item, shown, seed, position, segmenters)
            rows.append(pictures)
            name = item.name.rpartition("/")[2]
            captions.append([f"{name}\n{'clean' if shown is None else shown.label}", "", *shares])
    return contact_sheet(rows, ["input", "truth", *titles], CELL, captions)


def _row(run, item, noise, seed, position, segmenters):
    """Return the pictures of a row, and the share of right pixels of each answer as text."""
    image, _ = network_pair(run.dataset, item, run.framing.resize)
    background, truth = item.read_image(), item.read_mask()
    if noise is not None:
        image = noise.add(image, seed, position)
        background = noisy_at_own_size(run, item, noise, seed, position)
    answers = [segmenter.label_maps(image[None], [item.size])[0] for segmenter in segmenters]
    classes = run.dataset.num_classes
    pictures = [as_rgb(background), *(overlay(background, labels, classes) for labels in (truth, *answers))]
    shares = [share_right(labels, truth, run.dataset.ignore_value) for labels in answers]
    return pictures, [f"{share:.1f} %" for share in shares]


def write_tv_page(result, out):
    """Write the page of a `TVResult`; it holds its figures, and asks no other machine for anything."""
    runs = [run for pair in result.pairs for run in (pair.plain, pair.regular)]
    sections = [
        _table_section(result),
        _figures_section(result),
        _weights_section(result),
        origin_section(entries_of(runs)),
    ]
    write_text(out, shell(result.table.heading, f"After {SOURCE}.", sections))


def _table_section(result):
    parts = [
        result_box(key_results(result.comparison)),
        measure_tables(result.comparison),
        class_tables(result.comparison),
        *(paragraph(note, "aside") for note in result.notes()),
        paragraph("The same table again:"),
        command(result.command),
    ]
    return Section("table", "Table", f"Table {result.table.number}", "\n".join(parts))


def _figures_section(result):
    pictures = [picture(path, caption) for path, caption in result.figures]
    colours = legend(result.pairs[0].plain.class_names)
    return Section("figures", "Figures", "Figures", grid(pictures, "stack") + colours)


def _weights_section(result):
    weights = result.weights()
    text = (
        "λ weighs the total variation: the larger it is, the smoother the answer. The first is chosen on validation "
        "images after the training, the second is learned in the training, from the training images alone."
    )
    body = paragraph(text) + table(weights.header, weights.rows)
    return Section("weights", "λ", "The weights of the total variation", body)
