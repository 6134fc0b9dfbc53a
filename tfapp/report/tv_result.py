"""One table of Jia, Liu and Tai as it came out: as Markdown, and in sentences that the page shares."""

from dataclasses import dataclass
from pathlib import Path

from tfapp.report.words import training_noise_in_words
from tfapp.result_text import markdown_table
from tfapp.segmentation.comparison import Comparison
from tfapp.segmentation.tv_pairs import Pair
from tfapp.segmentation.tv_tables import BASELINE, READING, SCALES, SOURCE, TVTable


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
        return [self._images(), BASELINE, SCALES[self.scale], READING]

    def weights(self):
        """Return (header, rows) of the chosen and the learned lambda of every seed, as text."""
        plain, behind, regular = (title for title, *_ in self.pairs[0].heads)
        header = ["seed", f"λ of {behind}, chosen", f"λ of {regular}, learned"]
        return header, [[str(p.seed), f"{p.weight:g}", f"{p.learned_weight:.3f}"] for p in self.pairs]

    def markdown(self):
        """Return heading, command, table, lambdas and notes as Markdown."""
        parts = [
            f"# {self.table.heading}",
            f"After {SOURCE}.",
            f"```\n{self.command}\n```",
            self.comparison.markdown().strip(),
            markdown_table(*self.weights()),
            "\n".join(f"- {note}" for note in [self._cells(), *self.notes()]),
        ]
        return "\n\n".join(parts) + "\n"

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
