"""Results for a table of Lu and Tong: means over seeds, and whether their orderings appear."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from tfapp.report.result_table import ResultTable, document, mean_and_spread
from tfapp.reproduce.landscape.tables import ASSUMED, EQUAL_LOSS, SCALES, SOURCE, FCNTable
from tfapp.reproduce.study import as_set

# The networks whose sharpness Lu and Tong order: the first of each pair is the sharper one.
SHARPER = (("fcn-16s", "fcn-8s"), ("fcn-8s", "fcn-4s"), ("fcn-16s", "unet"), ("fcn-16s", "res-unet"))


@dataclass(frozen=True)
class Ordering:
    """A statement of Lu and Tong, and what came out.

    Attributes:
        text: The statement, such as `FCN-16s is sharper than Unet`.
        column: The column that it was looked up in.
        ratio: Mean of the first over mean of the second.
        holding, seeds: In how many seeds it holds, and of how many.
    """

    text: str
    column: str
    ratio: float
    holding: int
    seeds: int

    @property
    def cell(self) -> str:
        """The ratio, and the seeds in which it is above 1."""
        return f"{self.ratio:.3g} ({self.holding} of {self.seeds})"


class FCNResult:
    """The numbers of one table.

    Args:
        table: The `FCNTable`.
        scale: One of `SCALES`.
        command: The command line that made it.
        titles: Dictionary from a network's name to its title.
    """

    def __init__(self, table: FCNTable, scale: str, command: str, titles: dict):
        self.table, self.scale, self.command, self.titles = table, scale, command, titles
        self._values = defaultdict(dict)  # (network, batch size) -> seed -> column -> number

    def add(self, network: str, batch_size: int, seed: int, values: dict) -> None:
        """Add the numbers of one training, a dictionary from column to number."""
        self._values[network, batch_size][seed] = values

    @property
    def columns(self) -> list:
        first = next(iter(self._values.values()))
        return list(next(iter(first.values())))

    def means(self) -> ResultTable:
        """Return a row for each network and batch size: mean ± standard deviation over the seeds."""
        by_batch = len(self.table.batch_sizes) > 1
        header = ["network", *(["batch"] if by_batch else []), *self.columns]
        rows = []
        for (network, batch), seeds in self._values.items():
            cells = [
                mean_and_spread([found[c] for found in seeds.values()], ".4g", ".3g") for c in self.columns
            ]
            rows.append([self.titles[network], *([str(batch)] if by_batch else []), *cells])
        return ResultTable(header, rows)

    def orderings(self) -> list:
        """Return the `Ordering`s of a table of sharpness, none of others."""
        if self.table.measure != "sharpness":
            return []
        columns = [column for column in self.columns if column.startswith("sharpness")]
        return [self._ordering(*pair, column) for column in columns for pair in self._pairs()]

    def _pairs(self):
        """Yield (statement, the sharper cell, the other) for what the table holds."""
        batches = self.table.batch_sizes
        if len(batches) > 1:
            for network in self.table.networks:
                text = f"{self.titles[network]}: batch {batches[1]} is sharper than batch {batches[0]}"
                yield text, (network, batches[1]), (network, batches[0])
            return
        for sharper, other in SHARPER:
            if {sharper, other} <= set(self.table.networks):
                text = f"{self.titles[sharper]} is sharper than {self.titles[other]}"
                yield text, (sharper, batches[0]), (other, batches[0])

    def _ordering(self, text, sharper, other, column):
        first, second = (self._values[cell] for cell in (sharper, other))
        seeds = sorted(set(first) & set(second))
        a, b = (np.array([found[seed][column] for seed in seeds]) for found in (first, second))
        return Ordering(text, column, float(a.mean() / max(b.mean(), 1e-300)), int((a > b).sum()), len(seeds))

    def ordering_table(self) -> ResultTable:
        """Return a statement of Lu and Tong in each row, a measure in each column."""
        by_text = defaultdict(list)
        for ordering in self.orderings():
            by_text[ordering.text].append(ordering)
        columns = [ordering.column for ordering in next(iter(by_text.values()), [])]
        rows = [[text, *(ordering.cell for ordering in found)] for text, found in by_text.items()]
        return ResultTable(["ratio of the means (seeds in which it is above 1)", *columns], rows)

    def tables(self) -> list[ResultTable]:
        """Return the means, and the orderings of a table of sharpness."""
        return [self.means(), *([self.ordering_table()] if self.orderings() else [])]

    def markdown(self) -> str:
        """Return heading, command, table, orderings and notes."""
        seeds = max(len(found) for found in self._values.values())
        cells = "One training each." if seeds == 1 else f"Mean ± standard deviation over {seeds} seeds."
        notes = [cells, EQUAL_LOSS, as_set(SCALES[self.scale], self.command), ASSUMED]
        return document(*self.tables(), notes, title=self.table.heading, source=SOURCE, command=self.command)

    def write_csv(self, path) -> None:
        """Write one row for each training."""
        rows = [
            [network, batch, seed, *(f"{found[c]:.6g}" for c in self.columns)]
            for (network, batch), seeds in self._values.items()
            for seed, found in sorted(seeds.items())
        ]
        ResultTable(["network", "batch size", "seed", *self.columns], rows).write_csv(path)
