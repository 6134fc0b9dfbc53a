"""Tables of Jia, Liu and Tai as files, beside what was published: Markdown, CSV, a figure, one page."""

from dataclasses import dataclass

from tfapp.files import write_text
from tfapp.report.colours import QUALITATIVE
from tfapp.report.figures import save_png
from tfapp.report.markup import Section, command, paragraph, picture, result_box, table
from tfapp.report.page import shell
from tfapp.report.result_table import DASH, ResultTable, document
from tfapp.reproduce.study import as_set, files_of
from tfapp.reproduce.tv.drawing import figure_over_sigma
from tfapp.reproduce.tv.pairs import Pair
from tfapp.reproduce.tv.protocols import protocol_of
from tfapp.reproduce.tv.published import published_table
from tfapp.reproduce.tv.tables import ASSUMED, BASELINE, SCALES, SOURCE, TVTable
from tfapp.segmentation.comparison import MEASURES, Comparison
from tfapp.segmentation.config import TrainConfig
from tfapp.segmentation.page.contents import entries_of
from tfapp.segmentation.page.noise_tables import class_tables, measure_tables
from tfapp.segmentation.page.page import origin_section
from tfapp.segmentation.page.sentences import key_results, training_noise_in_words
from tfapp.segmentation.stored_config import with_defaults

_CHOSEN_ON = {
    "validation": "chosen for every training by mean IoU on that run's validation images, clean ones",
    "training": "chosen for every training by mean IoU on clean training images, as none are held out for validation",
    "hand": "set by hand",
}


@dataclass(frozen=True)
class TVResult:
    """What was trained and measured for one table.

    Attributes:
        table: The `TVTable`.
        scale: One of `SCALES`.
        command: The command line that made it.
        pairs: One `Pair` per seed.
        comparison: `Comparison` of the plain network, that with TV behind it, and the regularised one.
    """

    table: TVTable
    scale: str
    command: str
    pairs: list[Pair]
    comparison: Comparison

    @property
    def published(self):
        return published_table(self.table.number)

    @property
    def remarks(self):
        """Sentences on what looks like a misprint in the published table."""
        return [f"Of the published table: {remark}" for remark in self.published.remarks]

    def beside(self) -> list[ResultTable]:
        """Return a table for each measure: ours, the published number and the difference, of both networks."""
        return [self._beside(measure) for measure in MEASURES]

    def _beside(self, measure):
        networks = [name for name in self.published.networks if name in self.comparison.groups]
        header = ["noise"]
        for name in networks:
            header += [name, "published", "difference"]
        rows = []
        for index, noise in enumerate(self.comparison.noises):
            row = [noise]
            for name in networks:
                ours, printed = (
                    self.comparison.cell(name, index, measure),
                    self.published.value(name, measure, noise),
                )
                row += (
                    [str(ours), DASH, DASH]
                    if printed is None
                    else [str(ours), f"{printed:.2f}", f"{ours.mean - printed:+.2f}"]
                )
            rows.append(row)
        return ResultTable(header, rows, f"{measure} [%] beside table {self.table.number} as published")

    def protocol(self) -> ResultTable:
        """Return how it was trained beside what the text says."""
        run = self.pairs[0].regular
        known = {name: value for name, value in with_defaults(run.config).items() if name in _FIELDS}
        sizes = {name: known[name] and tuple(known[name]) for name in ("resize", "crop")}
        config = TrainConfig(**known | sizes)
        steps = run.config["steps_per_epoch"]
        return protocol_of(self.table.subject, self.table.model_number, config, run.split, steps)

    def notes(self):
        """Return the sentences that belong below the table."""
        return [
            *self.remarks,
            self._images(),
            self._lambda(),
            BASELINE,
            as_set(SCALES[self.scale], self.command),
            ASSUMED,
        ]

    def weights(self) -> ResultTable:
        """Return the chosen and the learned lambda of every seed."""
        plain, behind, regular = (title for title, *_ in self.pairs[0].heads)
        header = ["seed", f"λ of {behind}, chosen", f"λ of {regular}, learned"]
        rows = [[str(p.seed), f"{p.weight:g}", f"{p.learned_weight:.3f}"] for p in self.pairs]
        return ResultTable(header, rows, "Weights of the total variation")

    def markdown(self):
        """Return heading, command, tables, lambdas and notes as Markdown."""
        notes = [self._cells(), *self.notes()]
        head = {"title": self.table.heading, "source": SOURCE, "command": self.command}
        titled = [
            block
            for one in (*self.beside(), *self.comparison.shape_tables())
            for block in (f"{one.title}:", one)
        ]
        blocks = [self.comparison.table(), *titled, self.weights(), self.protocol()]
        return document(*blocks, notes, **head)

    def write_published(self, path):
        """Write one row for each network, measure and noise: mean, spread and number of ours, and the published one."""
        rows = []
        for name, measures in self.published.networks.items():
            for measure in measures:
                for index, noise in enumerate(self.comparison.noises):
                    ours, printed = (
                        self.comparison.cell(name, index, measure),
                        self.published.value(name, measure, noise),
                    )
                    texts = [f"{ours.mean:.4f}", f"{ours.spread:.4f}", ours.runs]
                    texts += ["", ""] if printed is None else [f"{printed:.2f}", f"{ours.mean - printed:.4f}"]
                    rows.append([self.table.number, name, measure, noise, *texts])
        header = ["table", "network", "measure", "noise", "ours", "spread", "runs", "published", "difference"]
        ResultTable(header, rows).write_csv(path)

    def _cells(self):
        if len(self.pairs) == 1:
            return "One training each; in percent."
        return (
            f"Mean ± standard deviation over {len(self.pairs)} trainings with other seeds, in percent; the published "
            "numbers are of one training each."
        )

    def _lambda(self):
        plain, behind, _ = (title for title, *_ in self.pairs[0].heads)
        words = " or ".join(dict.fromkeys(_CHOSEN_ON[pair.chosen_on] for pair in self.pairs))
        return f"λ of {behind} is {words}; the test images have no say in it."

    def _images(self):
        run, regular = self.pairs[0].plain, self.pairs[0].regular
        noise = training_noise_in_words(run) or "all clean"
        tested, of_all = self.comparison.groups[run.title][0].images, len(run.split.test)
        test = f"{tested}" if tested == of_all else f"{tested} of {of_all}, evenly spaced,"
        return (
            f"{run.title} and {regular.title} were trained alike on {len(run.split.train)} images, {noise}; "
            f"{len(run.split.validation)} images are for validation, {test} for testing, at their own size. The "
            "networks are those of the last epoch. Noise is added at the size that the network works at."
        )


_FIELDS = set(TrainConfig.__dataclass_fields__)


def write_table(result, out):
    """Write the files of a `TVResult` to `out` and return their paths."""
    name = result.table.name
    written = [*files_of(out, name, ".md", ".csv"), *files_of(out, f"{name}-published", ".csv")]
    written += files_of(out, name, ".png", ".html")
    text, runs, beside, curves, page = written
    save_png(curve_figure(result), curves)
    write_text(text, result.markdown())
    result.comparison.write_csv(runs)
    result.write_published(beside)
    write_tv_page(result, curves, page)
    return written


def curve_figure(result):
    """Return the Matplotlib figure of mIoU against the sigma of Gaussian noise, the published numbers as crosses.

    A band is the standard deviation over seeds.
    """
    figure, axes = figure_over_sigma()
    for colour, title in zip(QUALITATIVE, result.comparison.groups, strict=False):
        result.comparison.plot(axes, title, "mIoU", colour, title)
        if title in result.published.networks:
            rows = result.comparison.groups[title][0].rows
            gaussian = [row for row in rows if row.kind == "gaussian"]
            printed = [result.published.value(title, "mIoU", row.noise) for row in gaussian]
            known = [(row.amount, y) for row, y in zip(gaussian, printed, strict=True) if y is not None]
            axes.plot(*zip(*known, strict=True), "x--", color=colour, label=f"{title}, published", alpha=0.7)
    figure.legend(loc="outside right upper", frameon=False)
    return figure


def write_tv_page(result, curves, out):
    """Write the page of a `TVResult`; it holds its figure, and asks no other machine for anything."""
    runs = [run for pair in result.pairs for run in (pair.plain, pair.regular)]
    sections = [
        _table_section(result),
        _published_section(result, curves),
        _weights_section(result),
        origin_section(entries_of(runs)),
    ]
    write_text(out, shell(result.table.heading, f"After {SOURCE}.", sections))


def _table_section(result):
    parts = [
        result_box(key_results(result.comparison)),
        measure_tables(result.comparison),
        class_tables(result.comparison),
        *(table(one.header, one.rows, one.title) for one in result.comparison.shape_tables()),
        *(paragraph(note, "aside") for note in result.notes()),
        paragraph("The same table again:"),
        command(result.command),
    ]
    return Section("table", "Table", f"Table {result.table.number}", "\n".join(parts))


def _published_section(result, curves):
    parts = [table(one.header, one.rows, one.title) for one in result.beside()]
    parts += [paragraph(remark, "note") for remark in result.remarks]
    protocol = result.protocol()
    bands = "; bands are the standard deviation over seeds" if len(result.pairs) > 1 else ""
    caption = f"mIoU against the σ of Gaussian noise in the test images; crosses are published{bands}."
    parts += [picture(curves, caption), table(protocol.header, protocol.rows, kind="text")]
    return Section("published", "Published", "Beside the published numbers", "\n".join(parts))


def _weights_section(result):
    weights = result.weights()
    text = (
        "λ weighs the total variation: the larger it is, the smoother the answer. The first is chosen after the "
        "training, the second is learned in the training, from the training images alone."
    )
    body = paragraph(text) + table(weights.header, weights.rows)
    return Section("weights", "λ", "The weights of the total variation", body)
