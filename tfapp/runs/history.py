"""`history.csv`, the numbers of a training: a header, and a row for each epoch or so many iterations."""

import csv
from pathlib import Path

from tfapp.errors import InputError
from tfapp.files import atomic_path

HISTORY = "history.csv"


def read_history(folder):
    """Return the rows of `history.csv` as dictionaries of numbers, empty if there is none.

    Raises:
        InputError: The file is damaged.
    """
    file = Path(folder) / HISTORY
    if not file.is_file():
        return []
    try:
        with file.open(newline="") as stream:
            return [{name: _number(text) for name, text in row.items()} for row in csv.DictReader(stream)]
    except (ValueError, AttributeError):
        # The one of a text that is no number, the other of a row with cells too many or too few.
        raise InputError(f"{file} is damaged; restore it, or train again with `overwrite`.") from None


def write_history(folder, rows):
    """Write `history.csv` by write-then-rename, under the names of the last row, of which there is at least one."""
    with atomic_path(Path(folder) / HISTORY) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[-1]))
        writer.writeheader()
        writer.writerows(rows)


def _number(text):
    # Counts stay counts, so that rows that are read and written again keep their text.
    return int(text) if text.isdigit() else float(text)
