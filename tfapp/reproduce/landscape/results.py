"""Results for a table of Lu and Tong: means over seeds beside the printed numbers, and whether their orders appear."""

from collections import defaultdict
from functools import cached_property

from tfapp.report.result_table import DASH, ResultTable, document, mean_and_spread
from tfapp.reproduce.landscape.orders import find_orderings, geometric_interval, of_orders, order_table
from tfapp.reproduce.landscape.protocol import ASSUMED, CHOSEN, OWN_SCALES, SCALES, SOURCE, TITLES
from tfapp.reproduce.landscape.published import published_losses, published_table
from tfapp.reproduce.study import as_set

TEST_LOSS = "test loss"
# Columns that orders are looked up in, by their beginnings.
_ORDERED = {
    "sharpness": ("ε", "Keskar"),
    "scores": ("Rand", "information", "PSNR", "SSIM"),
    "curves": (f"smallest {TEST_LOSS}",),
    "surfaces": (TEST_LOSS,),
}


def notes_on(table, scale, command, seeds):
    """Return the remarks below a table: seeds, which weights, the scale as it was set, and what is assumed.

    Args:
        table: `FCNTable`.
        scale: Name of the scale.
        command: The command line.
        seeds: Number of trainings behind a cell.
    """
    cells = "One training each." if seeds == 1 else f"Mean ± standard deviation over {seeds} seeds."
    scales = SCALES if table.number else OWN_SCALES
    return [cells, CHOSEN[table.chosen], as_set(scales[scale], command), ASSUMED]


class FCNResult:
    """The numbers of one table.

    Args:
        table: The `FCNTable`.
        scale: Name of the scale.
        command: The command line that made it.
    """

    def __init__(self, table, scale: str, command: str):
        self.table, self.scale, self.command = table, scale, command
        self._values = defaultdict(dict)  # (network, batch size) -> seed -> column -> number

    def add(self, network: str, batch_size: int, seed: int, values: dict) -> None:
        """Add the numbers of one training, a dictionary from column to number."""
        self._values[network, batch_size][seed] = values

    @property
    def columns(self) -> list:
        first = next(iter(self._values.values()))
        return list(next(iter(first.values())))

    @property
    def seeds(self) -> int:
        """The number of seeds of what has most of them."""
        return max(len(found) for found in self._values.values())

    @cached_property
    def _published(self):
        number = self.table.number
        return published_table(number) if number and self.table.name.startswith("landscape-table-") else None

    def printed(self, key, column):
        """Return the number that is printed for (network, batch size) in a column, or None."""
        network, batch = key
        if self._published is None:
            return self._printed_loss(network, column)
        name = f"{column}, B{batch}" if len(self.table.batch_sizes) > 1 else column
        return self._published.value(network, name)

    def _printed_loss(self, network, column):
        if self.table.name != "landscape-figure-6" or column != TEST_LOSS:
            return None
        return published_losses()[1].get(network)

    def means(self) -> ResultTable:
        """Return a row for each network and batch size: mean ± standard deviation over the seeds.

        A column of printed numbers stands beside each that has any, unless `as_printed` has them.
        """
        by_batch = len(self.table.batch_sizes) > 1
        header = ["network", *(["batch"] if by_batch else [])]
        printed = set() if self._published else set(filter(self._is_printed, self.columns))
        for column in self.columns:
            header += [column, "printed"] if column in printed else [column]
        rows = []
        for (network, batch), seeds in self._values.items():
            row = [TITLES[network], *([str(batch)] if by_batch else [])]
            for column in self.columns:
                row.append(mean_and_spread([found[column] for found in seeds.values()], ".4g", ".3g"))
                if column in printed:
                    row.append(_shown(self.printed((network, batch), column)))
            rows.append(row)
        return ResultTable(header, rows)

    def _is_printed(self, column):
        return any(self.printed(key, column) is not None for key in self._values)

    def as_printed(self) -> ResultTable | None:
        """Return the table with the rows and columns of the paper, ours beside the printed numbers.

        None of what is no table of the paper, or where no column is one of it.
        """
        if self._published is None:
            return None
        ours = {}  # printed column -> (column, batch size)
        for column in self._published.columns:
            name, _, batch = column.partition(", B")
            if name in self.columns:
                ours[column] = name, int(batch) if batch else self.table.batch_sizes[0]
        if not ours:
            return None
        header = ["network", *(text for column in ours for text in (column, "printed"))]
        rows = [
            [TITLES[network], *self._cells(network, ours)]
            for network in self.table.networks
            if any((network, batch) in self._values for _, batch in ours.values())
        ]
        return ResultTable(header, rows)

    def _cells(self, network, ours):
        for printed, (column, batch) in ours.items():
            seeds = self._values.get((network, batch), {})
            yield mean_and_spread([found[column] for found in seeds.values()], ".4g", ".3g")
            yield _shown(self._published.value(network, printed))

    @property
    def ordered_columns(self) -> list:
        """The columns that orders are looked up in."""
        return [column for column in self.columns if column.startswith(_ORDERED[self.table.measure])]

    def orderings(self) -> list:
        """Return the `Ordering`s of what Lu and Tong state of the table, none of where they state nothing."""
        return find_orderings(self.table.orders, self._values, self.ordered_columns, self.printed)

    def intervals(self) -> ResultTable | None:
        """Return geometric means of each sharpness with 95 % intervals, None of other measures or of one seed."""
        if self.table.measure != "sharpness" or self.seeds < 2:
            return None
        header = ["network", "batch", *self.ordered_columns]
        rows = [
            [TITLES[network], str(batch), *(_interval(seeds, column) for column in self.ordered_columns)]
            for (network, batch), seeds in self._values.items()
        ]
        return ResultTable(header, rows, "geometric mean over the seeds, and its 95 % interval")

    def save_picture(self, path):
        """Draw the sharpness of all trainings as a PNG file."""
        from tfapp.reproduce.landscape.sharpness_pictures import save_sharpness_png

        save_sharpness_png(self._values, self.ordered_columns, path)

    def tables(self) -> list[ResultTable]:
        """Return the table as it is printed, if it is in the paper, all means, and intervals and orders if any."""
        orderings = self.orderings()
        orders = order_table(orderings) if orderings else None
        found = [self.as_printed(), self.means(), self.intervals(), orders]
        return [table for table in found if table is not None]

    def markdown(self, *blocks) -> str:
        """Return heading, command, further blocks of Markdown, tables and notes."""
        notes = notes_on(self.table, self.scale, self.command, self.seeds)
        if self._published is not None:
            notes += self._published.remarks
        if orderings := self.orderings():
            notes.insert(1, of_orders(orderings))
        heading, source = self.table.heading, SOURCE
        return document(*blocks, *self.tables(), notes, title=heading, source=source, command=self.command)

    def write_csv(self, path) -> None:
        """Write one row for each training."""
        rows = [
            [network, batch, seed, *(f"{found[c]:.6g}" for c in self.columns)]
            for (network, batch), seeds in self._values.items()
            for seed, found in sorted(seeds.items())
        ]
        ResultTable(["network", "batch size", "seed", *self.columns], rows).write_csv(path)


def _interval(seeds, column):
    interval = geometric_interval([found[column] for found in seeds.values()])
    return DASH if interval is None else "{:.3g} [{:.3g}, {:.3g}]".format(*interval)


def _shown(number):
    return DASH if number is None else f"{number:g}"
