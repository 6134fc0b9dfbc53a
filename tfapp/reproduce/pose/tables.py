"""Tables 4.2 and B.2 to B.7 of Wu (2020), and how results of trainings become their rows."""

from dataclasses import dataclass
from itertools import product

import numpy as np

from tfapp.report.result_table import ResultTable, mean_and_spread

ASSUMED = (
    "Which table is which is assumed. Scenes "
    "are simulated anew, so that numbers can be compared with one another, not with the printed ones."
)
SOURCE = "Y. Wu's dissertation, chapter 4 and appendix B"
PARTS = ("nut", "bolt", "l-bracket", "camera-head")
CLUSTERINGS = ("K-means", "spectral clustering")
OURS = ("one-channel", "softmin", "min", "hypotheses")
# Titles of columns, and where `metrics.json` has them: part of the scenes, kind, name; their format and factor.
SCORES = {
    f"{title} {part}": (part, "scores", key, ".3f", 1)
    for title, part, key in (
        ("F1", "held-out", "f1"),
        ("F1", "training", "f1"),
        ("precision", "held-out", "precision"),
        ("recall", "held-out", "recall"),
    )
}
DISTANCES = {
    "Chamfer held-out, mm": ("held-out", "distance", None, ".2f", 1000),
    "Chamfer training, mm": ("training", "distance", None, ".2f", 1000),
    "model to part, mm": ("model", "learned_to_cad", "mean", ".2f", 1000),
    "part to model, mm": ("model", "cad_to_learned", "mean", ".2f", 1000),
    "rotation held-out, °": ("held-out", "poses", "rotation_median", ".0f", 180 / np.pi),
}


@dataclass(frozen=True)
class PoseTable:
    """A table.

    Attributes:
        name: `pose-table-` and its number.
        heading: What it shows.
        instances: Numbers N of parts in a scene.
        variants: Names of `VARIANTS`.
        columns: `SCORES` or `DISTANCES`.
        pooled: Whether its rows are means over the parts.
    """

    name: str
    heading: str
    instances: tuple
    variants: tuple
    columns: dict
    pooled: bool = False

    @property
    def clusterings(self):
        return CLUSTERINGS if self.columns is SCORES else ()


TABLES = {
    table.name: table
    for table in (
        PoseTable(
            "pose-table-4.2", "Instance segmentation, mean over the parts", (2, 3, 4), OURS, SCORES, True
        ),
        PoseTable("pose-table-b.2", "Chamfer distance of every part", (1, 2, 3, 4), OURS, DISTANCES),
        PoseTable(
            "pose-table-b.3",
            "With and without hidden-point removal",
            (1,),
            ("one-channel", "no-removal"),
            DISTANCES,
        ),
        PoseTable(
            "pose-table-b.4",
            "Exponents of the hidden-point removal",
            (1,),
            ("exponent-2.0", "exponent-2.9", "exponent-3.14"),
            DISTANCES,
        ),
        PoseTable("pose-table-b.5", "Instance segmentation of every part, N = 2", (2,), OURS, SCORES),
        PoseTable("pose-table-b.6", "Instance segmentation of every part, N = 3", (3,), OURS, SCORES),
        PoseTable("pose-table-b.7", "Instance segmentation of every part, N = 4", (4,), OURS, SCORES),
    )
}


def result_table(table, results, titles) -> ResultTable:
    """Return a table of Wu (2020) with its results.

    Args:
        table: `PoseTable`.
        results: From (part, instances, variant, seed) to the content of `metrics.json`.
        titles: From the names of variants to their titles.
    """
    header = ["scenes", "method", *table.columns]
    groups = _groups(table, results)
    rows = []
    for (scenes, method), cells in groups.items():
        values = [
            _text([_value(cell, titles_of, column) for cell, titles_of in cells], column[3])
            for column in table.columns.values()
        ]
        rows.append([scenes, titles.get(method, method), *values])
    return ResultTable(header, rows)


def _groups(table, results):
    """Return, from the texts of a row to what it is the mean of: pairs of a metrics content and a method in it."""
    groups = {}
    variants = list(dict.fromkeys(key[2] for key in results))
    for method, (key, content) in product([*variants, *table.clusterings], results.items()):
        part, instances, variant, _ = key
        clustering = method in table.clusterings
        # The clusterings of the same scenes are the same beside every variant but for the points that were drawn.
        if variant != (variants[0] if clustering else method):
            continue
        scenes = f"N = {instances}" if table.pooled else f"{part}, N = {instances}"
        groups.setdefault((scenes, method), []).append((content, method if clustering else "ours"))
    return dict(sorted(groups.items(), key=lambda item: item[0][0]))


def _value(content, method, column):
    """Return a number of `metrics.json`, or None where it has none."""
    where, kind, name, _, factor = column
    found = content.get("model" if where == "model" else "parts", {})
    if where != "model":
        found = found.get(where, {})
    found = found.get(kind)
    if kind == "scores":
        found = (found or {}).get(method)
    if name is not None and found is not None:
        found = found.get(name)
    return None if found is None else factor * found


def _text(values, form):
    return mean_and_spread([value for value in values if value is not None], form)
