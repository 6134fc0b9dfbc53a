"""Scores of a detector as tables, and what has to be said of them."""

import numpy as np

from tfapp.average_precision import FORMS
from tfapp.detection.scores.errors import CORRECT, FALSE_KINDS
from tfapp.report.result_table import DASH, ResultTable

COCO_TITLES = {
    "AP": "AP, mean over the overlaps .5 to .95",
    "AP50": "AP at an overlap of .5",
    "AP75": "AP at an overlap of .75",
    "APs": "AP of small objects, up to 32×32",
    "APm": "AP of medium objects, up to 96×96",
    "APl": "AP of large objects",
    "AR1": "recall with 1 detection an image",
    "AR10": "recall with 10 detections an image",
    "AR100": "recall with 100 detections an image",
    "ARs": "recall of small objects",
    "ARm": "recall of medium objects",
    "ARl": "recall of large objects",
}


def scores_table(metrics) -> ResultTable:
    """Return a `ResultTable` of each class and the mean over classes: average precisions, and precision and recall.

    Args:
        metrics: As `evaluate_detections` returns it.
    """
    forms = sorted(FORMS, key=lambda form: form != metrics["ap"])
    found, false = np.array(metrics["errors"][CORRECT]), _false(metrics)
    columns = {"objects": [*map(str, metrics["objects"]), ""]}
    for form in forms:
        values = [*metrics["average_precision"][form], metrics["mean"][form]]
        columns[f"AP {form} %"] = [percent(value) for value in values]
    if metrics["coco"] is not None:
        values = [*metrics["coco"]["classes"], metrics["coco"]["numbers"]["AP"]]
        columns["AP COCO %"] = [percent(value) for value in values]
    for name, whole in (("precision %", found + false), ("recall %", np.array(metrics["objects"]))):
        shares = [part / all_ if all_ else None for part, all_ in zip(found, whole, strict=True)]
        known = [share for share in shares if share is not None]
        columns[name] = [percent(share) for share in [*shares, np.mean(known) if known else None]]
    names = [*metrics["class_names"], "mean"]
    rows = [list(row) for row in zip(names, *columns.values(), strict=True)]
    return ResultTable(["class", *columns], rows)


def coco_table(metrics) -> ResultTable:
    """Return a `ResultTable` of COCO's twelve numbers, which `metrics` must have."""
    numbers = metrics["coco"]["numbers"]
    rows = [[name, COCO_TITLES[name], percent(value)] for name, value in numbers.items()]
    return ResultTable(["COCO", "what", "%"], rows)


def score_remarks(metrics) -> list[str]:
    """Return sentences on what a reader of the scores has to know: what was counted, and what was left out."""
    shown = sum(metrics["errors"][CORRECT]) + int(_false(metrics).sum())
    sentences = [
        f"{metrics['images']:,} images with {sum(metrics['objects']):,} objects and {sum(metrics['detections']):,} "
        f"detections, of which {shown:,} have a score of at least {metrics['score']:g} and count for precision, recall "
        "and errors."
    ]
    absent = [
        name for name, count in zip(metrics["class_names"], metrics["objects"], strict=True) if not count
    ]
    if absent:
        sentences.append(
            f"Without an object that counts, and so without AP and left out of the mean: {', '.join(absent)}."
        )
    if sum(metrics["difficult"]):
        sentences.append(
            f"{sum(metrics['difficult']):,} difficult objects and the detections of them count neither way."
        )
    if metrics["coco"] is not None:
        sentences.append(
            "The size of an object in COCO's numbers is the area of its box; COCO's own is that of its mask."
        )
    return sentences


def false_share(metrics, kind) -> float:
    """Return the share of one of `FALSE_KINDS` in all false detections that were looked at, 0 if there are none."""
    return sum(metrics["errors"][kind]) / max(int(_false(metrics).sum()), 1)


def percent(share) -> str:
    """Return a share from 0 to 1 in percent, without the sign; a dash for None."""
    return DASH if share is None else f"{100 * share:.1f}"


def _false(metrics):
    return np.sum([metrics["errors"][kind] for kind in FALSE_KINDS], axis=0)
