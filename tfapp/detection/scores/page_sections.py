"""Sections of a page about a detector that show its scores."""

from pathlib import Path

from tfapp.detection.scores.errors import (
    BACKGROUND,
    BOTH,
    CONFUSED,
    DUPLICATE,
    FALSE_KINDS,
    KIND_TITLES,
    LOCALISATION,
)
from tfapp.detection.scores.figures import CONFUSION, CURVES, ERRORS
from tfapp.detection.scores.tables import coco_table, false_share, percent, score_remarks, scores_table
from tfapp.report.markup import Section, details, paragraph, picture, result_box, table

CAPTIONS = {
    CURVES: "Precision over recall of each class, as the least score of a detection falls.",
    CONFUSION: "What objects are detected as.",
    ERRORS: "Left: what the detections of a class are. Right: how many of its objects were found.",
}
HOW_TO_READ = (
    "Average precision (AP) of a class looks at all its detections in the order of their scores: it is 100 % if every "
    "object is found before the first false detection. A detection is correct if it overlaps an object of its class "
    "enough, overlap being the area of the intersection over that of the union, and if it is the first to do so. The "
    "11-point form, of VOC2007, is the mean of the best precisions at eleven recalls; the area, from VOC2010 on, is "
    "that under precision over recall. COCO's AP is a mean over ten overlaps from .5 to .95, so that it also says how "
    "well boxes fit. Mean AP is the mean over the classes.",
    "Precision is the share of the detections that are correct, recall the share of the objects that are found.",
)
KINDS_IN_WORDS = {
    LOCALISATION: "it is on an object of its class, but overlaps it too little",
    CONFUSED: "it is on an object of another class",
    BOTH: "it is near an object of another class, and overlaps it too little",
    DUPLICATE: "it is on an object that a surer detection has found",
    BACKGROUND: "it overlaps no object by a tenth",
}
ABOUT_CONFUSION = (
    "In the confusion matrix every object takes at most one detection, of whatever class, the surest first. An object "
    "that is taken for another class is missed as one of its own, but not in this matrix: its last column has those "
    "objects alone that have no detection at all. Its last row has all detections that no object was left for, of "
    "whatever kind: beside those where nothing is, second ones of an object, and those that overlap theirs too little."
)
# Fewer test objects of a class say little about it.
_FEW = 10


def score_sections(metrics, folder, missing=lambda name: "") -> list[Section]:
    """Return the `Section`s of average precision and of errors.

    Args:
        metrics: As `evaluate_detections` returns it.
        folder: Where `save_figures` wrote.
        missing: Function of the name of a figure that is not there, which returns HTML to stand in its place.
    """
    return [precision_section(metrics, folder, missing), errors_section(metrics, folder, missing)]


def precision_section(metrics, folder, missing=lambda name: "") -> Section:
    """Return the `Section` of the average precisions; arguments as `score_sections`."""
    scores = scores_table(metrics)
    parts = [
        result_box(precision_sentences(metrics)),
        table(scores.header, scores.rows),
        *(paragraph(text, "aside") for text in score_remarks(metrics)),
        *map(paragraph, HOW_TO_READ),
        _figure(folder, CURVES, missing),
    ]
    if metrics["coco"] is not None:
        numbers = coco_table(metrics)
        parts.append(details("COCO's numbers", table(numbers.header, numbers.rows, kind="text")))
    return Section("precision", "Precision", "Average precision", "\n".join(parts))


def errors_section(metrics, folder, missing=lambda name: "") -> Section:
    """Return the `Section` of errors by kind and of the confusion of classes; arguments as `score_sections`."""
    rows = [
        [KIND_TITLES[kind], meaning, f"{sum(metrics['errors'][kind]):,}", percent(false_share(metrics, kind))]
        for kind, meaning in KINDS_IN_WORDS.items()
    ]
    parts = [
        paragraph(errors_sentence(metrics)),
        table(["false detection", "what it is", "number", "% of the false"], rows, kind="text"),
        _figure(folder, ERRORS, missing),
        paragraph(ABOUT_CONFUSION),
        _figure(folder, CONFUSION, missing),
    ]
    return Section("errors", "Errors", "What goes wrong", "\n".join(parts))


def precision_sentences(metrics) -> list[str]:
    """Return sentences on the mean average precision, and the best and the worst class."""
    form = metrics["ap"]
    mean = metrics["mean"][form]
    if mean is None:
        return ["No class has an object that counts, so there is no average precision."]
    sentences = [f"Mean AP ({form}) is {percent(mean)} % at an overlap of {metrics['iou']:g}."]
    values = {
        name: value
        for name, value in zip(metrics["class_names"], metrics["average_precision"][form], strict=True)
        if value is not None
    }
    if len(values) > 1:
        best, worst = (_named(values, find(values.values()), metrics) for find in (max, min))
        sentences.append(f"The best is {best}; the worst is {worst}.")
    few = sum(0 < count < _FEW for count in metrics["objects"])
    if few:
        sentences.append(
            f"Of {few} of {len(metrics['objects'])} classes there are fewer than {_FEW} objects to test on, which say "
            "little about a class."
        )
    if metrics["coco"] is not None:
        sentences.append(f"COCO's AP, over ten overlaps, is {percent(metrics['coco']['numbers']['AP'])} %.")
    return sentences


def _named(values, value, metrics):
    """Return the classes that have a value, in words: the first, its objects, and how many others have the same."""
    names = [name for name, found in values.items() if found == value]
    count = metrics["objects"][metrics["class_names"].index(names[0])]
    others = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{names[0]}{others} with {percent(value)} % ({count} object{'s' * (count != 1)})"


def errors_sentence(metrics) -> str:
    """Return a sentence on the most frequent kind of false detection."""
    false = sum(sum(metrics["errors"][kind]) for kind in FALSE_KINDS)
    threshold = f"with a score of at least {metrics['score']:g}"
    if not false:
        return f"No detection {threshold} is false."
    most = max(FALSE_KINDS, key=lambda kind: sum(metrics["errors"][kind]))
    return (
        f"Of {false:,} false detections {threshold} most, {percent(false_share(metrics, most))} %, are of the kind "
        f"“{KIND_TITLES[most]}”: {KINDS_IN_WORDS[most]}."
    )


def _figure(folder, name, missing):
    file = Path(folder) / name
    return picture(file, CAPTIONS[name]) if file.is_file() else missing(name)
