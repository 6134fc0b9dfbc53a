"""Clusterings that a segmentation must be better than, each at its best."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from tfapp.pose.evaluation.instances import k_means, mean_over_scenes, pair_scores, spectral_clustering

K_MEANS, NEIGHBOURS, RBF = "K-means", "spectral, 10 neighbours", "spectral, rbf"
# The better one of the two, under the name that metrics of earlier versions have.
SPECTRAL = "spectral clustering"
# Widths of the similarity that are tried, shares of the part's extent.
WIDTHS = (0.02, 0.03, 0.045, 0.07, 0.1, 0.15, 0.22, 0.33, 0.5)
# Training scenes that the best of them are tried on, and some of these that all are tried on: F1 of a hundred scenes
# tells good widths from bad ones, but not the best from the second-best.
SEARCHED = 500
_FIRST, _FINALISTS = 100, 3
# Pixels of a scene that are clustered; the others get the label of the nearest of these.
_CLUSTERED = 1000


@dataclass(frozen=True)
class Clusterings:
    """K-means and two spectral clusterings, their options chosen so that they do best.

    Attributes:
        instances: Number of clusters.
        width: Of the rbf similarity, metres.
        searched: From each width that was tried, metres, to the mean F1 of the scenes that it was tried on.
        better: Name of the spectral clustering that is better on all scenes of the training; None before that is known.
    """

    instances: int
    width: float
    searched: dict[float, float]
    better: str | None = None

    def compared(self, scores) -> "Clusterings":
        """Return these with the better spectral one told, by a dict from their names to dicts with `f1`."""
        return replace(self, better=max((NEIGHBOURS, RBF), key=lambda name: scores[name]["f1"]))

    def labels(self, points, *, seed=0) -> dict[str, np.ndarray]:
        """Return the labels of all points (n, 3) by each clustering, int64 (n,); fewer than `instances` may occur."""
        few = _few(points, seed)
        found = {
            K_MEANS: _clustered(k_means, few, self.instances),
            NEIGHBOURS: _clustered(spectral_clustering, few, self.instances, affinity="nearest_neighbors"),
            RBF: _clustered(spectral_clustering, few, self.instances, sigma=self.width),
        }
        nearest = cKDTree(few).query(points)[1]
        return {name: labels[nearest] for name, labels in found.items()}


def search_clusterings(points: Sequence, truth: Sequence, instances, extent, progress=None) -> Clusterings:
    """Return the clusterings with the width that has the best F1 by the true labels.

    No user knows the labels: the choice favours the clustering, as it should be when something else is to be better.
    All widths are tried on a hundred of the scenes, and the best three on all of them.

    Args:
        points: Of some training scenes (n, 3), metres; `SEARCHED` are enough.
        truth: Of each the true labels (n,), 0 of points that belong to no part and are not scored; not all 0.
        instances: Number of parts in a scene.
        extent: Largest side of the part, metres.
        progress: Function of (clusterings done, clusterings in all), or None.
    """
    first = np.unique(np.linspace(0, len(points) - 1, _FIRST).astype(int))
    widths = [share * extent for share in WIDTHS]
    scores = {width: {} for width in widths}
    total = len(widths) * len(first) + _FINALISTS * (len(points) - len(first))

    def score(width, places):
        for place in places:
            few = _few(points[place], place)
            found = _clustered(spectral_clustering, few, instances, sigma=width)
            labels = found[cKDTree(few).query(points[place])[1]]
            known = np.asarray(truth[place]) > 0
            scores[width][place] = pair_scores(labels[known], truth[place][known])
            if progress:
                progress(sum(map(len, scores.values())), total)

    def mean(width):
        return mean_over_scenes(list(scores[width].values())).f1

    for width in widths:
        score(width, first)
    finalists = sorted(widths, key=mean, reverse=True)[:_FINALISTS]
    for width in finalists:
        score(width, np.setdiff1d(np.arange(len(points)), first))
    return Clusterings(instances, max(finalists, key=mean), {width: mean(width) for width in widths})


def _clustered(cluster, points, instances, **options):
    """Return the labels of a clustering; of no more points than there are clusters each is one."""
    return np.arange(len(points)) if len(points) <= instances else cluster(points, instances, **options)


def _few(points, seed):
    return points[np.random.default_rng(seed).permutation(len(points))[:_CLUSTERED]]
