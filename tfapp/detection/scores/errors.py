"""What kind of error each detection is, and which classes are taken for which."""

import numpy as np

from tfapp.detection.scores.matching import LEAST_OVERLAP, NONE, match_one_to_one

CORRECT, LOCALISATION, CONFUSED, DUPLICATE, BOTH, BACKGROUND, IGNORED = KINDS = (
    "correct",
    "localisation",
    "confused",
    "duplicate",
    "both",
    "background",
    "ignored",
)
FALSE_KINDS = (LOCALISATION, CONFUSED, BOTH, DUPLICATE, BACKGROUND)
# Of a detection that no object was left for, of whatever kind it is.
UNMATCHED = "matches no object"
KIND_TITLES = {
    CORRECT: "correct",
    LOCALISATION: "wrong place",
    CONFUSED: "wrong class",
    BOTH: "wrong class and place",
    DUPLICATE: "found twice",
    BACKGROUND: "nothing there",
    IGNORED: "difficult object",
}


def error_kinds(pairs, matching, iou):
    """Return the kind of each detection, int64 (n,), places in `KINDS`. The first of these that applies counts.

    - `correct`: the first detection of an object of its class, as `match` says.
    - `ignored`: it is on a difficult object of its class.
    - `duplicate`: it is on an object of its class that a surer detection has found.
    - `localisation`: it overlaps an object of its class, by `LEAST_OVERLAP` or more, but by less than `iou`.
    - `confused`: it overlaps an object of another class by `iou` or more.
    - `both`: it overlaps an object of another class by less than `iou`: wrong class and wrong place.
    - `background`: it overlaps no object by `LEAST_OVERLAP`.

    Args:
        pairs: `OverlappingPairs`.
        matching: Their `Matching` at `iou`.
        iou: Overlap of the right place, above `LEAST_OVERLAP`.

    Reference:
        D. Bolya, S. Foley, J. Hays, J. Hoffman, "TIDE: A General Toolbox for Identifying Object Detection Errors",
        ECCV 2020, section 2.2; the order is that of D. Hoiem, Y. Chodpathumwan, Q. Dai, "Diagnosing Error in Object
        Detectors", ECCV 2012.
    """
    _, same = pairs.best(pairs.same_class)
    _, other = pairs.best(~pairs.same_class)
    conditions = {
        CORRECT: matching.correct,
        IGNORED: matching.ignored,
        DUPLICATE: matching.objects != NONE,
        LOCALISATION: same >= LEAST_OVERLAP,
        CONFUSED: other >= iou,
        BOTH: other >= LEAST_OVERLAP,
    }
    places = [KINDS.index(kind) for kind in conditions]
    return np.select(list(conditions.values()), places, KINDS.index(BACKGROUND))


def count_kinds(pairs, kinds, chosen, num_classes):
    """Return the number of detections of each kind and class, {kind: int64 (num_classes,)}, by the class they name.

    Args:
        pairs: `OverlappingPairs`.
        kinds: As of `error_kinds`.
        chosen: Boolean (n,), the detections that count, such as those above a score.
        num_classes: Number of classes.
    """
    return {
        kind: np.bincount(pairs.labels[chosen & (kinds == place)], minlength=num_classes)
        for place, kind in enumerate(KINDS)
    }


def confusion_matrix(pairs, chosen, num_classes, iou):
    """Count objects by class (rows) and the class that they are found as (columns), int64, a row and a column more.

    The last row, background, has the detections of no object, and the last column the objects without a detection.
    Detections choose by falling score the object of any class that they overlap most and that is still free. One that
    finds none and lies on a difficult object, of whatever class, is left out, as are difficult objects.

    Args:
        pairs: `OverlappingPairs`.
        chosen: Boolean (n,), the detections that count, such as those above a score.
        num_classes: Number of classes.
        iou: Least overlap, from `LEAST_OVERLAP` to 1.
    """
    near = chosen[pairs.detection] & (pairs.overlap >= iou)
    difficult = pairs.difficult[pairs.object]
    objects = match_one_to_one(pairs, near & ~difficult)
    matched = objects != NONE
    on_difficult = np.zeros_like(matched)
    on_difficult[pairs.detection[near & difficult]] = True
    found = np.zeros(len(pairs.difficult), bool)
    found[objects[matched]] = True
    counts = np.zeros((num_classes + 1, num_classes + 1), np.int64)
    np.add.at(counts, (pairs.object_labels[objects[matched]], pairs.labels[matched]), 1)
    counts[:-1, -1] = np.bincount(pairs.object_labels[~found & ~pairs.difficult], minlength=num_classes)
    alone = chosen & ~matched & ~on_difficult
    counts[-1, :-1] = np.bincount(pairs.labels[alone], minlength=num_classes)
    return counts
