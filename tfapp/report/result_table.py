"""Tables of results: means over seeds with their spread, Markdown, CSV, and documents that hold them."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfapp.files import atomic_path

DASH = "–"  # what stands in place of a mean of nothing


@dataclass(frozen=True)
class ResultTable:
    """A table as it is written and printed; what its cells show is formatted by whoever makes it.

    Attributes:
        header: Texts of the first row, one for each column.
        rows: Cells, as many in every row as the header has; texts, or numbers in their shortest form.
        title: Line above the table at the terminal, or None.
    """

    header: Sequence[str]
    rows: Sequence[Sequence]
    title: str | None = None

    def columns(self, *chosen: int) -> "ResultTable":
        """Return the table with some of its columns: a file has room for more of them than a terminal."""
        header, *rows = ([line[place] for place in chosen] for line in (self.header, *self.rows))
        return ResultTable(header, rows, self.title)

    def markdown(self) -> str:
        """Return the table in Markdown, without a line end after the last row."""
        lines = [self.header, ["---"] * len(self.header), *self.rows]
        return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)

    def write_csv(self, path) -> None:
        """Write the table as comma-separated values (RFC 4180, UTF-8), by write-then-rename."""
        with (
            atomic_path(path) as temporary,
            temporary.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,
        ):
            csv.writer(file).writerows([self.header, *self.rows])


def _cell(content):
    # A bar ends a cell: the noise of a training, for one, may have some.
    return str(content).replace("|", "\\|")


def document(*blocks, title=None, source=None, command=None) -> str:
    """Return a Markdown file: heading, source and command line as far as they are given, then the blocks.

    Args:
        blocks: `ResultTable`s; texts, which are paragraphs in Markdown; lists of sentences, which become remarks
            with bullets. Empty ones are left out.
        title: Heading.
        source: Paper that the results are to be compared with, as in `After SOURCE.`
        command: Command line that made the results.
    """
    head = [
        title and f"# {title}",
        source and f"After {source}.",
        command and code(command),
    ]
    return "\n\n".join(filter(None, [*head, *map(_block, blocks)])) + "\n"


def code(text) -> str:
    """Return a command line as a block of code in Markdown."""
    return f"```\n{text}\n```"


def _block(block):
    if isinstance(block, ResultTable):
        return block.markdown()
    return block if isinstance(block, str) else "\n".join(f"- {sentence}" for sentence in block)


@dataclass(frozen=True)
class Summary:
    """Mean and spread of one measure over trainings that differ by seed.

    Formatted as the mean is, such as `f"{summary:.1f}"`, it reads `81.2 ± 0.4`, or `81.2` of one training; as it
    stands, `f"{summary}"`, with two decimals.

    Attributes:
        mean: Arithmetic mean.
        spread: Sample standard deviation (n - 1); 0 of one training.
        runs: Number of trainings, n >= 1.
    """

    mean: float
    spread: float
    runs: int

    @classmethod
    def of(cls, values) -> "Summary":
        """Return the summary of one or more numbers."""
        spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
        return cls(float(np.mean(values)), spread, len(values))

    def __str__(self):
        return self.text(".2f")

    def __format__(self, form):
        return self.text(form) if form else str(self)

    def text(self, form, spread_form=None) -> str:
        """Return `mean ± spread`, or the mean alone of one training.

        Args:
            form: Format of the mean, such as `.2f`.
            spread_form: Format of the spread; by default that of the mean.
        """
        mean = f"{self.mean:{form}}"
        return mean if self.runs == 1 else f"{mean} ± {self.spread:{spread_form or form}}"


def mean_and_spread(values, form, spread_form=None) -> str:
    """Return the `Summary` of numbers as text, and a dash of none.

    Args:
        values: Numbers, such as one for each seed.
        form: Format of the mean, such as `.2f`.
        spread_form: Format of the spread; by default that of the mean.
    """
    return Summary.of(values).text(form, spread_form) if len(values) else DASH
