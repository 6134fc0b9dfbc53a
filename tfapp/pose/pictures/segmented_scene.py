"""A scene with its instance labels, as pictures and page show it."""

from dataclasses import dataclass

import numpy as np

from tfapp.errors import InputError
from tfapp.pose.evaluation.instances import match_labels
from tfapp.pose.evaluation.pair_scores import pair_scores


@dataclass(frozen=True, eq=False)
class SegmentedScene:
    """Observed points with the instance that each was said to belong to.

    Attributes:
        depth: (height, width), metres along z; 0, NaN or infinite where nothing was measured.
        pixels: Whole numbers (n, 2), row and column of each point.
        points: (n, 3), metres in the camera frame.
        labels: Whole numbers (n,), predicted instances.
        truth: Whole numbers (n,), true instances, or None.
        clouds: (instances, m, 3), the object model in its predicted poses, metres, or None.
        name: What the scene is called.

    Raises:
        InputError: Not as many points, pixels and labels, none, or a pixel outside of the depth image.
    """

    depth: np.ndarray
    pixels: np.ndarray
    points: np.ndarray
    labels: np.ndarray
    truth: np.ndarray | None = None
    clouds: np.ndarray | None = None
    name: str = ""

    def __post_init__(self):
        shapes = [np.shape(self.pixels), np.shape(self.points), np.shape(self.labels)]
        count = len(self.labels)
        right = count > 0 and shapes == [(count, 2), (count, 3), (count,)]
        if not right or (self.truth is not None and np.shape(self.truth) != (count,)):
            raise InputError(
                "A scene needs pixels (n, 2), points (n, 3), labels and true labels (n,). "
                f"Received: shapes {', '.join(map(str, shapes))}, truth {np.shape(self.truth)}."
            )
        if np.ndim(self.depth) != 2 or (np.max(self.pixels, axis=0) >= np.shape(self.depth)).any():
            raise InputError(
                "The pixels of a scene must be in its depth image (height, width). "
                f"Received: shape {np.shape(self.depth)}, pixels up to {np.max(self.pixels, axis=0).tolist()}."
            )

    @property
    def f1(self):
        """F1 of pairs of points, None without the truth."""
        return None if self.truth is None else pair_scores(self.labels, self.truth).f1

    def shown_labels(self):
        """Return predicted and true labels from 0, named alike where they mean the same; the truth may be None."""
        if self.truth is None:
            return np.asarray(self.labels) - np.min(self.labels), None
        matched = match_labels(self.labels, self.truth)
        return matched - np.min(self.truth), np.asarray(self.truth) - np.min(self.truth)
