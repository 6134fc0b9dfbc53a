"""Rows of the tables of Wu (2020): what was measured, beside what is printed."""

from dataclasses import asdict, dataclass, field

from tfapp.report.result_table import DASH, ResultTable, Summary
from tfapp.reproduce.pose.objects import TITLES
from tfapp.reproduce.pose.printed import LOST, MEAN, OBJECTS
from tfapp.reproduce.pose.tables import CLUSTERINGS
from tfapp.reproduce.pose.variants import VARIANTS

# Of scores and of Chamfer distances: what is measured, and what is printed.
_FORMS = {"CD": (".2f", ".4f")}
_SCORE_FORMS = (".3f", ".2f")
_NAMES = {"F1": "f1", "P": "precision", "R": "recall"}
SPLITS = ("training", "held-out")


@dataclass(frozen=True)
class Row:
    """One method on the scenes of one object and number of instances.

    Attributes:
        part: Name of the object, or `MEAN`.
        instances: N.
        method: Title.
        variant: Name of the `Variant`, or of the clustering.
        measured: From `training` and `held-out` to `Summary`s by measure; scores are shares, CD is in millimetres.
        printed: Numbers, or `LOST`, by measure; empty for what is not in the printed table.
        objects: How many were averaged.
    """

    part: str
    instances: int
    method: str
    variant: str
    measured: dict
    printed: dict = field(default_factory=dict)
    objects: int = 1

    def to_json(self):
        """Return the row as JSON has it."""
        measured = {
            split: {measure: asdict(summary) for measure, summary in summaries.items()}
            for split, summaries in self.measured.items()
        }
        own = {
            "object": self.part,
            "instances": self.instances,
            "method": self.method,
            "variant": self.variant,
        }
        return own | {"measured": measured, "printed": self.printed}


def rows_of(table, results):
    """Return the `Row`s of a table, of what was measured alone.

    Args:
        table: `PoseTable`.
        results: From (part, instances, name of the variant, seed) to the content of `metrics.json`.
    """
    variants = dict.fromkeys(key[2] for key in results)
    places = dict.fromkeys(key[:2] for key in results)
    rows = []
    for part, instances in sorted(places, key=lambda place: place[1]) if table.by_object else places:
        if table.by_object:
            rows += _clusterings(table, results, part, instances)
        for variant in variants:
            contents = [value for key, value in results.items() if key[:3] == (part, instances, variant)]
            if contents:
                rows.append(_row(table, contents, part, instances, variant))
    return rows + (_means(table, rows) if table.by_object else [])


def result_table(table, rows) -> ResultTable:
    """Return the table with a column for training scenes, held-out scenes and what is printed of each measure."""
    header = ["object", "N", "method"]
    for measure in table.measures:
        unit = " mm" if measure == "CD" else ""
        header += [f"{measure}{unit} training", f"{measure}{unit} held-out", f"{measure} printed"]
    lines = []
    for row in rows:
        line = [_title(row), str(row.instances), row.method]
        for measure in table.measures:
            form, printed_form = _FORMS.get(measure, _SCORE_FORMS)
            for split in SPLITS:
                found = row.measured.get(split, {}).get(measure)
                line.append(DASH if found is None else f"{found:{form}}")
            value = row.printed.get(measure)
            line.append(DASH if value is None else value if value == LOST else f"{value:{printed_form}}")
        lines.append(line)
    return ResultTable(header, lines)


def _row(table, contents, part, instances, variant):
    setting = table.setting_of(part, variant)
    printed = {} if setting is None else table.printed(part, instances, setting.key)
    title = VARIANTS[variant].title if setting is None or variant in setting.alike else setting.title
    measured = {split: _summaries(table, contents, split, "ours", instances) for split in SPLITS}
    return Row(part, instances, title, variant, measured, printed)


def _clusterings(table, results, part, instances):
    """Return the rows of the clusterings, of the first variant: they are the same whatever was trained."""
    here = {key: value for key, value in results.items() if key[:2] == (part, instances)}
    first = next(iter(here))[2]
    contents = [value for key, value in here.items() if key[2] == first]
    rows = []
    for key, method in CLUSTERINGS.items():
        measured = {split: _summaries(table, contents, split, method, instances) for split in SPLITS}
        rows.append(Row(part, instances, method, method, measured, table.printed(part, instances, key)))
    return rows


def _means(table, rows):
    """Return the means over objects of the rows of a number of instances and a method; printed is that of all six."""
    means = []
    groups = dict.fromkeys((row.instances, row.method, row.variant) for row in rows)
    keys = {method: key for key, method in CLUSTERINGS.items()}
    for instances, method, variant in sorted(groups, key=lambda group: group[0]):
        own = [row for row in rows if (row.instances, row.variant) == (instances, variant)]
        setting = table.setting_of(MEAN, variant)
        key = keys.get(variant) or (setting.key if setting else None)
        complete = {row.part for row in own} == set(OBJECTS)
        measured = {
            split: {
                measure: Summary.of([row.measured[split][measure].mean for row in own])
                for measure in table.measures
                if all(measure in row.measured[split] for row in own)
            }
            for split in SPLITS
        }
        printed = table.printed(MEAN, instances, key) if complete else {}
        means.append(Row(MEAN, instances, method, variant, measured, printed, len(own)))
    return means


def _summaries(table, contents, split, method, instances):
    """Return the `Summary` over seeds of each measure that there is."""
    found = {}
    for measure in table.measures:
        values = [_value(content["parts"].get(split, {}), measure, method, instances) for content in contents]
        values = [value for value in values if value is not None]
        if values:
            found[measure] = Summary.of(values)
    return found


def _value(split, measure, method, instances):
    if measure == "CD":
        return None if "distance" not in split else 1000 * split["distance"]
    # With one instance there is nothing to divide.
    return None if instances == 1 else split.get("scores", {}).get(method, {}).get(_NAMES[measure])


def _title(row):
    return f"mean of {row.objects}" if row.part == MEAN else TITLES[row.part]
