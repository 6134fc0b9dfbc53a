"""What Wu (2020) printed in chapter 3 and appendix A: the settings of the solvers, and the numbers of the tables.

`published.json` holds both with the lines of the appendix as they stand there; `remarks` say what was decided where the
text leaves something open or contradicts itself.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("published.json")


@dataclass(frozen=True)
class Preset:
    """Settings of several solvers for one purpose.

    Attributes:
        name: What stands for all of them in `--solvers`, such as `wu2020-mnist`.
        of: What they are for.
        source: Where they stand.
        solvers: A setting each, as `--solvers` reads it.
        lines: Those of the appendix, in the order of `solvers`.
        remarks: Sentences on what the lines do not say.
    """

    name: str
    of: str
    source: str
    solvers: tuple[str, ...]
    lines: tuple[str, ...]
    remarks: tuple[str, ...]


@cache
def _content():
    return json.loads(FILE.read_text(encoding="utf-8"))


def presets() -> dict[str, Preset]:
    """Return all `Preset`s by name."""
    return {
        name: Preset(
            name, one["of"], one["source"], *(tuple(one[key]) for key in ("solvers", "lines", "remarks"))
        )
        for name, one in _content()["settings"].items()
    }


def published_row(number, solver) -> list[float] | None:
    """Return the printed numbers of a solver in table 3.1 to 3.4; None where it has no row, or none that survived.

    Args:
        number: Of the table, as text.
        solver: One of `tfapp.optimizers.SOLVERS`.
    """
    return _content()["tables"][number]["rows"].get(solver)


def published_columns(number) -> list[str]:
    """Return the names of the columns of table 3.1 to 3.4, as text `number`."""
    return _content()["tables"][number]["columns"]


def published_gap(data) -> tuple[float, float]:
    """Return the printed gap between the bounds of figure 3.20 in the first epoch and in the last.

    Args:
        data: `mnist` or `cifar10`.
    """
    first, last = _content()["gaps"][data]
    return first, last
