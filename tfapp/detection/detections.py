"""What a detector finds in an image."""

from dataclasses import dataclass

import numpy as np

from tfapp.errors import InputError


@dataclass(frozen=True, eq=False)
class Detections:
    """The objects that a detector found in an image, in any order.

    Attributes:
        corners: float32 (count, 4), rows (y1, x1, y2, x2) in pixels: pixel i reaches from i to i + 1.
        labels: int64 (count,), class indices, without one for background.
        scores: float32 or float64 (count,), the higher the surer.
    """

    corners: np.ndarray
    labels: np.ndarray
    scores: np.ndarray

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, chosen):
        """Return the detections of a Boolean mask, a slice or a list of indices."""
        return Detections(self.corners[chosen], self.labels[chosen], self.scores[chosen])

    @classmethod
    def of(cls, rows):
        """Return the detections of rows (corners, label, score)."""
        corners = np.array([row[0] for row in rows], np.float32).reshape(-1, 4)
        return cls(
            corners,
            np.array([row[1] for row in rows], np.int64),
            np.array([row[2] for row in rows], np.float64),
        )


def check_detections(truth, detections, num_classes):
    """Raise InputError unless detections belong to images with these objects, and both can be compared.

    Args:
        truth: List of `tfapp.data.boxed.Boxes`, one for each image.
        detections: List of `Detections` of the same images.
        num_classes: Number of classes.
    """
    if len(truth) != len(detections):
        raise InputError(
            f"Detections are for {len(detections)} images, and the objects of {len(truth)} are given; expected those "
            "of the same images in the same order."
        )
    for place, (boxes, found) in enumerate(zip(truth, detections, strict=True)):
        for noun, one in (("object", boxes), ("detection", found)):
            fault = _fault(one, num_classes)
            if fault:
                raise InputError(f"An {noun} of image {place} {fault}.".replace("An d", "A d"))
        if len(found.scores) != len(found) or not np.isfinite(found.scores).all():
            raise InputError(f"The scores of image {place} are not one finite number for each detection.")


def _fault(boxes, num_classes):
    corners, labels = np.asarray(boxes.corners), np.asarray(boxes.labels)
    if corners.shape != (len(labels), 4):
        return f"has no row of four corners: corners have the shape {corners.shape} for {len(labels)} labels"
    if not np.isfinite(corners).all():
        return "has a corner that is no finite number"
    if (corners[:, 2:] < corners[:, :2]).any():
        return "has its corners swapped; expected rows (y1, x1, y2, x2) with y1 <= y2 and x1 <= x2"
    if len(labels) and not (labels.min() >= 0 and labels.max() < num_classes):
        return f"is of a class outside of the {num_classes} classes"
    return None
