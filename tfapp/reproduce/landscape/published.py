"""What Lu and Tong (2019) printed: the numbers of their six tables, and the losses of figure 6.

`published.json` holds them as they stand in the text; `remarks` say what the text leaves open beside them.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("published.json")


@dataclass(frozen=True)
class PublishedTable:
    """A table as it was printed.

    Attributes:
        columns: Names of the columns.
        rows: From the name of a network, as of `tfapp.models.build`, to its numbers, in the order of the rows.
        remarks: Sentences on what is not said beside the numbers.
    """

    columns: tuple[str, ...]
    rows: dict[str, list[float]]
    remarks: tuple[str, ...]

    def value(self, network, column):
        """Return a number; None where the table has no such row or column."""
        if network not in self.rows or column not in self.columns:
            return None
        return self.rows[network][self.columns.index(column)]


@cache
def _content():
    return json.loads(FILE.read_text(encoding="utf-8"))


def published_table(number) -> PublishedTable:
    """Return the `PublishedTable` 1 to 6."""
    table = _content()["tables"][str(number)]
    return PublishedTable(tuple(table["columns"]), table["rows"], tuple(table["remarks"]))


def published_losses() -> tuple[float, dict[str, float]]:
    """Return what the caption of figure 6 prints: the training loss of all, and the test loss of each network."""
    printed = _content()["figure 6"]
    return printed["training loss"], printed["test loss"]
