"""Clusters of sharp features, and the pseudo-labels that they give to features of low-resolution images."""

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances_argmin

from tfapp.errors import InputError


def k_means_centroids(features, clusters, *, seed=0):
    """Return the centroids that k-means finds, float32 (clusters, dimension).

    Args:
        features: float32 (n, dimension), of sharp images.
        clusters: Their number k.
        seed: Of the starts.

    Raises:
        InputError: More clusters than feature vectors that differ.
    """
    different = len(np.unique(features, axis=0))
    if clusters > different:
        raise InputError(
            f"--clusters {clusters} is more than the {different} images whose features differ; give at most that many."
        )
    model = KMeans(clusters, random_state=seed).fit(features)
    return model.cluster_centers_.astype(np.float32)


def pseudo_labels(high, low, centroids, reading):
    """Return the pseudo-labels of low-resolution images, int32 (n,).

    The text says that they are given "by the nearest centroid", and leaves open whose features are compared.

    Args:
        high, low: Features float32 (n, dimension) of the same images, sharp and at low resolution.
        centroids: float32 (clusters, dimension).
        reading: `own`, the centroid nearest to the image's sharp features, or `nearest`, the one nearest to its
            low-resolution features.
    """
    return pairwise_distances_argmin({"own": high, "nearest": low}[reading], centroids).astype(np.int32)
