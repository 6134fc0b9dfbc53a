"""What Jia, Liu and Tai printed: the numbers of their six tables, and the protocols of their three datasets.

`published.json` holds both as they stand in the text, misprints included; `remarks` say what looks like one.
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
        noises: Labels of the columns, `clean` first.
        networks: From the name of a network to its measures `mIoU`, `accuracy` and `RE`, one number in percent for each
            noise.
        remarks: Sentences on what looks like a misprint in it, or in what the text says of it.
    """

    noises: tuple[str, ...]
    networks: dict[str, dict[str, list[float]]]
    remarks: tuple[str, ...]

    def value(self, network, measure, noise):
        """Return a number in percent; None where the table has no such row or column."""
        if network not in self.networks or noise not in self.noises:
            return None
        return self.networks[network][measure][self.noises.index(noise)]


@cache
def _content():
    return json.loads(FILE.read_text(encoding="utf-8"))


def published_table(number):
    """Return the `PublishedTable` 1 to 6."""
    content = _content()
    table = content["tables"][str(number)]
    return PublishedTable(tuple(content["noises"]), table["networks"], tuple(table["remarks"]))


def published_protocol(reader):
    """Return what section 4 says of a dataset and the training on it, by name; `reader` is that of the dataset."""
    return _content()["protocols"][reader]
