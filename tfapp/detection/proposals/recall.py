"""Recall of objects by proposals: what a detector that classifies proposals can find at best."""

from dataclasses import dataclass

import numpy as np

from tfapp.detection.geometry import overlaps
from tfapp.report.result_table import DASH, ResultTable

THRESHOLDS = (0.5, 0.7)


@dataclass(frozen=True, eq=False)
class Recall:
    """Objects that proposals overlap.

    Attributes:
        thresholds: Intersections over union, t of them.
        objects: int64 (classes,), objects that are not difficult.
        found: int64 (t, classes), those of them that a proposal overlaps by at least the threshold.
        images: Number of images.
        proposals: Number of proposals in all.
    """

    thresholds: tuple[float, ...]
    objects: np.ndarray
    found: np.ndarray
    images: int
    proposals: int

    @property
    def of_classes(self):
        """float64 (t, classes), shares from 0 to 1; NaN for a class without objects."""
        return _shares(self.found, self.objects)

    @property
    def overall(self):
        """float64 (t,), shares of all objects; NaN without any."""
        return _shares(self.found.sum(axis=1), self.objects.sum())

    @property
    def per_image(self):
        """Mean number of proposals of an image; NaN without images."""
        return float(_shares(self.proposals, self.images))


def recall_of(boxes, proposals, num_classes, thresholds=THRESHOLDS):
    """Return the `Recall` of objects by proposals.

    Args:
        boxes: `Boxes` of each image; those that are difficult do not count.
        proposals: float (count, 4) of each image, in the same order; read one after the other.
        num_classes: Number of classes.
        thresholds: Intersections over union from which an object counts as found.
    """
    objects, found = np.zeros(num_classes, np.int64), np.zeros((len(thresholds), num_classes), np.int64)
    images = total = 0
    for own, proposed in zip(boxes, proposals, strict=True):
        counted = ~own.difficult
        labels, best = own.labels[counted], best_overlaps(own.corners[counted], proposed)
        objects += np.bincount(labels, minlength=num_classes)
        for row, threshold in zip(found, thresholds, strict=True):
            row += np.bincount(labels[best >= threshold], minlength=num_classes)
        images, total = images + 1, total + len(proposed)
    return Recall(tuple(thresholds), objects, found, images, total)


def best_overlaps(boxes, proposals):
    """Return the largest intersection over union (n,) of boxes (n, 4) with any of proposals (m, 4); 0 without any."""
    return overlaps(boxes, proposals).max(axis=1, initial=0)


def recall_table(recall, class_names, title="proposals"):
    """Return a `ResultTable` of recall: a row for each class that has objects, and one for all together.

    Args:
        recall: `Recall`.
        class_names: One for each class.
        title: What the proposals are of, for the line above it.
    """
    columns = zip(class_names, recall.objects, recall.of_classes.T, strict=True)
    rows = [(name, count, *map(_percent, shares)) for name, count, shares in columns if count]
    rows.append(("all", recall.objects.sum(), *map(_percent, recall.overall)))
    header = ["class", "objects", *(f"recall at IoU {threshold:g}" for threshold in recall.thresholds)]
    told = DASH if np.isnan(recall.per_image) else f"{recall.per_image:,.0f}"
    return ResultTable(header, rows, f"{title}: {told} boxes an image in the mean")


def _shares(part, whole):
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def _percent(share):
    return DASH if np.isnan(share) else f"{100 * share:.1f} %"
