"""What a transfer network learns to give for a poor image: clusters of sharp features, or the sharp features."""

import numpy as np
from sklearn.metrics import pairwise_distances_argmin

from tfapp.transfer.classifiers import unit_length
from tfapp.transfer.config import FEATURES, SOFT


def targets_of(high, low, centroids, config):
    """Return the targets of low-resolution images.

    Args:
        high, low: Features float32 (n, dimension) of the same images, sharp and at low resolution.
        centroids: float32 (clusters, dimension).
        config: `NetworkConfig`.

    Returns:
        int32 (n,) places of centroids for `own` and `nearest`, float32 (n, clusters) for `soft`, float32
        (n, dimension) for `features`.
    """
    if config.pseudo == FEATURES:
        return scaled_features(high)
    if config.pseudo == SOFT:
        return soft_assignments(high, centroids, config.temperature)
    return pseudo_labels(high, low, centroids, config.pseudo)


def pseudo_labels(high, low, centroids, reading):
    """Return the pseudo-labels of low-resolution images, int32 (n,).

    Wu (2020), chapter 5, says that they are "assigned by finding its nearest neighbor to the k centroids", and leaves
    open whose features are compared.

    Args:
        high, low: Features float32 (n, dimension) of the same images, sharp and at low resolution.
        centroids: float32 (clusters, dimension).
        reading: `own`, the centroid nearest to the image's sharp features, or `nearest`, the one nearest to its
            low-resolution features.
    """
    return pairwise_distances_argmin({"own": high, "nearest": low}[reading], centroids).astype(np.int32)


def soft_assignments(high, centroids, temperature):
    """Return how much of a sharp image belongs to each cluster, float32 (n, clusters), with rows that sum to 1.

    The softmax of cos(feature, centroid) / temperature. It is not in Wu (2020), who takes the nearest cluster alone:
    how near the others are tells more of an image than which one is nearest, as in the distillation of G. Hinton, O.
    Vinyals and J. Dean (2015).

    Args:
        high: float32 (n, dimension).
        centroids: float32 (clusters, dimension).
        temperature: Above 0; the smaller, the harder.
    """
    exponents = unit_length(high) @ unit_length(centroids).T / temperature
    weights = np.exp(exponents - exponents.max(1, keepdims=True))
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def scaled_features(high):
    """Return features float32 (n, dimension) divided by one number, so that the mean of their squares is 1."""
    high = np.asarray(high, np.float32)
    scale = np.sqrt(np.mean(np.square(high, dtype=np.float64)))
    return (high / (scale or 1.0)).astype(np.float32)
