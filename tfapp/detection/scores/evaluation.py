"""All scores of a detector on images, as a dictionary that a file can hold, and its description to read it back."""

import numpy as np

from tfapp.average_precision import ELEVEN_POINT, FORMS, largest_precisions
from tfapp.detection.detections import check_detections
from tfapp.detection.scores.average_precision import average_precision, mean_of_classes, precision_recall
from tfapp.detection.scores.coco import NUMBERS, coco_scores
from tfapp.detection.scores.errors import KINDS, confusion_matrix, count_kinds, error_kinds
from tfapp.detection.scores.matching import LEAST_OVERLAP, match, overlapping_pairs
from tfapp.errors import InputError
from tfapp.records import Entries, Fault, Flag, ListOf, Number, OneOf, Optional, Text, Whole

# Recalls at which curves are kept, those of COCO.
CURVE_RECALLS = tuple(step / 100 for step in range(101))


def check_judging(form, iou):
    """Raise InputError for a form of average precision that is unknown, or an overlap out of its range."""
    if form not in FORMS:
        raise InputError(f"Unknown `ap` {form!r}; choose one of: {', '.join(FORMS)}.")
    if not LEAST_OVERLAP < iou <= 1:
        raise InputError(f"`iou` must be above {LEAST_OVERLAP} and at most 1; got {iou}.")


def evaluate_detections(
    truth, detections, class_names, form=ELEVEN_POINT, iou=0.5, *, score=0.5, coco=True, crowds=False
):
    """Compare what a detector found with what is there.

    Average precision looks at all detections, so give those with low scores too; errors by kind and the confusion of
    classes look at those with a score of at least `score`, what a user would be shown.

    Args:
        truth: List of `tfapp.data.boxed.Boxes`, one for each image.
        detections: List of `tfapp.detection.detections.Detections` of the same images.
        class_names: Of the labels.
        form: Form of the average precision that is asked for, one of `FORMS`; both are computed.
        iou: Least overlap of a detection with its object, above 0.1 and up to 1; COCO's numbers have their own.
        score: Least score of detections that are looked at for errors and confusion.
        coco: Whether to compute COCO's numbers too, which takes pycocotools and is the slowest part by far.
        crowds: Whether difficult objects are COCO's crowds, as of `coco_scores`; for COCO's numbers alone.

    Returns:
        Entries as `METRICS_ENTRIES` says, of plain numbers, texts and lists; None where a class has no object that
        counts, and so no average precision, and no part in the mean.

    Raises:
        InputError: An unknown form, an overlap out of range, boxes that do not belong together, or no pycocotools.
    """
    check_judging(form, iou)
    count = len(class_names)
    check_detections(truth, detections, count)
    pairs = overlapping_pairs(truth, detections)
    matching = match(pairs, iou)
    shown = pairs.scores >= score
    objects = pairs.objects_of(count)
    found = [precision_recall(pairs, matching, label) if objects[label] else None for label in range(count)]
    precisions = {one: [_or_nan(curve, one) for curve in found] for one in FORMS}
    kinds = count_kinds(pairs, error_kinds(pairs, matching, iou), shown, count)
    return {
        "class_names": list(class_names),
        "ap": form,
        "iou": float(iou),
        "score": float(score),
        "images": len(truth),
        "objects": objects.tolist(),
        "difficult": np.bincount(pairs.object_labels[pairs.difficult], minlength=count).tolist(),
        "detections": np.bincount(pairs.labels, minlength=count).tolist(),
        "average_precision": {one: [_plain(value) for value in values] for one, values in precisions.items()},
        "mean": {one: _plain(mean_of_classes(values)) for one, values in precisions.items()},
        "curves": [curve and largest_precisions(*curve, CURVE_RECALLS).tolist() for curve in found],
        "errors": {kind: values.tolist() for kind, values in kinds.items()},
        "missed": (objects - kinds["correct"]).tolist(),
        "confusion": confusion_matrix(pairs, shown, count, iou).tolist(),
        "coco": _coco(truth, detections, count, crowds) if coco else None,
    }


def _or_nan(curve, form):
    return float("nan") if curve is None else average_precision(*curve, form)


def _plain(value):
    """Return a float, None for NaN, which JSON does not have."""
    return None if np.isnan(value) else float(value)


def _coco(truth, detections, count, crowds):
    numbers, classes = coco_scores(truth, detections, count, crowds=crowds)
    return {
        "numbers": {name: _plain(value) for name, value in numbers.items()},
        "classes": [_plain(value) for value in classes],
        "crowds": bool(crowds),
    }


class _Metrics(Entries):
    """Entries of the scores of a detector, which has a number for each class."""

    def fault(self, value, where=""):
        found = super().fault(value, where)
        if found:
            return found
        count = len(value["class_names"])
        columns = {name: value[name] for name in ("objects", "difficult", "detections", "missed", "curves")}
        for group in ("average_precision", "errors"):
            columns |= {f"{group}.{name}": column for name, column in value[group].items()}
        if value["coco"] is not None:
            columns["coco.classes"] = value["coco"]["classes"]
        wrong = next((name for name, column in columns.items() if len(column) != count), None)
        if wrong:
            return Fault(wrong, f"a list of one entry for each of {count} classes", columns[wrong])
        rows = value["confusion"]
        if len(rows) != count + 1 or any(len(row) != count + 1 for row in rows):
            return Fault("confusion", f"{count + 1} rows of {count + 1} numbers", rows)
        return None


_RATIO, _COUNTS = Number(0, 1), ListOf(Whole(0))
METRICS_ENTRIES = _Metrics(
    {
        "class_names": ListOf(Text()),
        "ap": OneOf(FORMS),
        "iou": Number(most=1, above=LEAST_OVERLAP),
        "score": Number(),
        "images": Whole(0),
        "objects": _COUNTS,
        "difficult": _COUNTS,
        "detections": _COUNTS,
        "average_precision": Entries({form: ListOf(Optional(_RATIO)) for form in FORMS}),
        "mean": Entries({form: Optional(_RATIO) for form in FORMS}),
        "curves": ListOf(Optional(ListOf(_RATIO, len(CURVE_RECALLS)))),
        "errors": Entries({kind: _COUNTS for kind in KINDS}),
        "missed": _COUNTS,
        "confusion": ListOf(_COUNTS),
        "coco": Optional(
            Entries(
                {
                    "numbers": Entries({name: Optional(_RATIO) for name in NUMBERS}),
                    "classes": ListOf(Optional(_RATIO)),
                    "crowds": Flag(),
                }
            )
        ),
    }
)
