"""What Wu (2020) printed in tables 5.1 and 5.2, on PASCAL VOC 2007 with a ResNet-101 of ImageNet.

`published.json` holds the numbers as they stand in the text: mean average precisions on the validation list, from 0 to
1, and average precisions on the test list, in percent, of the classes in the order of the alphabet and of their mean.
"""

import json
from functools import cache
from pathlib import Path

from tfapp.data.readers.voc import CLASS_NAMES
from tfapp.report.result_table import ResultTable

FILE = Path(__file__).with_name("published.json")


@cache
def _content():
    return json.loads(FILE.read_text(encoding="utf-8"))


def published_grid() -> dict:
    """Return table 5.1: from (N1, N2) to the mean average precision."""
    table = _content()["5.1"]
    return {
        (hidden, clusters): mean
        for clusters, row in zip(table["clusters"], table["mean"], strict=True)
        for hidden, mean in zip(table["hidden"], row, strict=True)
    }


def published_grid_table() -> ResultTable:
    """Return table 5.1 in the form of ours: N1 downwards, N2 to the right, in percent."""
    printed = published_grid()
    hidden, clusters = (sorted({sizes[place] for sizes in printed}) for place in (0, 1))
    rows = [[f"N1 = {n1}", *(f"{100 * printed[n1, n2]:.1f}" for n2 in clusters)] for n1 in hidden]
    title = "printed by Wu (2020), table 5.1: VOC2007 validation list, ResNet-101, %"
    return ResultTable(["", *(f"N2 = {n2}" for n2 in clusters)], rows, title)


def published_precisions() -> dict:
    """Return table 5.2: from `high`, `low` and `transferred` to {class name, or `mean`: percent}."""
    names = (*CLASS_NAMES, "mean")
    return {kind: dict(zip(names, row, strict=True)) for kind, row in _content()["5.2"].items()}
