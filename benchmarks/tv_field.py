"""The field that the TV benchmarks work on: noisy logits of a Voronoi label map."""

import numpy as np
from scipy.spatial import cKDTree

CELL = 24  # pixels, about the side of a region
TV_WEIGHT = 1.0


def large_field():
    """The field of all measurements but the cone program's: 256x256 pixels, 11 classes."""
    return voronoi_logits(256, classes=11, contrast=6, noise=2)


def voronoi_logits(side, classes, contrast, noise, seed=0):
    """Return the logits of a random label map and its labels.

    Args:
        side: Height and width in pixels.
        classes: Number of classes; neighbouring cells may share one.
        contrast: Logit of the true class; that of the others is 0.
        noise: Standard deviation of the Gaussian noise on all logits.
        seed: Of the generator.

    Returns:
        float32 logits (1, side, side, classes) and int32 labels (1, side, side).
    """
    rng = np.random.default_rng(seed)
    cells = max(classes, round((side / CELL) ** 2))
    pixels = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), axis=-1)
    _, nearest = cKDTree(rng.uniform(0, side, (cells, 2))).query(pixels)
    labels = (rng.permutation(cells) % classes)[nearest]
    logits = contrast * np.eye(classes)[labels] + noise * rng.normal(size=(side, side, classes))
    return logits[None].astype(np.float32), labels[None].astype(np.int32)


def rms_distance(a, b):
    """Return the root of the mean over pixels of the squared l1 distance of two maps of probabilities."""
    return float(np.sqrt(np.mean(np.sum(np.abs(np.asarray(a, float) - np.asarray(b, float)), axis=-1) ** 2)))


def cosine(a, b):
    """Return the cosine of the angle between two tensors."""
    a, b = np.asarray(a, float).ravel(), np.asarray(b, float).ravel()
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
