"""Objects and detections drawn at random, for tests of scores."""

import numpy as np

from tfapp.data.boxed import Boxes
from tfapp.detection.detections import Detections


def boxes_at(corners, labels=None, difficult=None):
    """Return `Boxes` of corners, by default of class 0 and not difficult."""
    count = len(corners)
    labels = np.zeros(count, np.int64) if labels is None else np.array(labels, np.int64)
    difficult = np.zeros(count, bool) if difficult is None else np.array(difficult, bool)
    return Boxes(np.array(corners, np.float32).reshape(-1, 4), labels, difficult)


def detections_at(corners, scores, labels=None):
    """Return `Detections` of corners, by default of class 0."""
    labels = np.zeros(len(corners), np.int64) if labels is None else np.array(labels, np.int64)
    return Detections(np.array(corners, np.float32).reshape(-1, 4), labels, np.array(scores, np.float64))


def random_scenes(images=12, classes=3, seed=0, difficult=0.2):
    """Return lists of `Boxes` and of `Detections`: crowded objects, and boxes near them and elsewhere."""
    rng = np.random.default_rng(seed)
    truth, detections = [], []
    for _ in range(images):
        count = int(rng.integers(0, 7))
        corners, labels = _corners(rng, count), rng.integers(0, classes, count)
        sources = np.repeat(np.arange(count), 3)
        near = corners[sources] + rng.normal(0, 4, (len(sources), 4))
        near[:, 2:] = np.maximum(near[:, 2:], near[:, :2])
        found = np.concatenate([near, _corners(rng, 6)])
        named = np.concatenate([labels[sources], rng.integers(0, classes, 6)])
        named = np.where(rng.random(len(named)) < 0.2, rng.integers(0, classes, len(named)), named)
        truth.append(boxes_at(corners, labels, rng.random(count) < difficult))
        # Rounded, so that some are equal.
        detections.append(detections_at(found, rng.random(len(found)).round(2), named))
    return truth, detections


def _corners(rng, count):
    low = rng.uniform(0, 70, (count, 2))
    return np.concatenate([low, low + rng.uniform(8, 60, (count, 2))], axis=1)
