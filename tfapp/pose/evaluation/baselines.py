"""Clusterings that a segmentation must be better than, each at its best."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from tfapp.pose.evaluation.instances import k_means, mean_over_scenes, pair_scores, spectral_clustering

K_MEANS, NEIGHBOURS, RBF = "K-means", "spectral, 10 neighbours", "spectral, rbf"
# The better one of the two, under the name that metrics of earlier versions have.
SPECTRAL = "spectral clustering"
# Widths of the similarity that are tried, shares of the part's extent, and training scenes that they are tried on.
WIDTHS = (0.02, 0.03, 0.045, 0.07, 0.1, 0.15, 0.22, 0.33, 0.5)
_SEARCHED = 50
# Pixels of a scene that are clustered; the others get the label of the nearest of these.
_CLUSTERED = 1000


@dataclass(frozen=True)
class Clusterings:
    """K-means and two spectral clusterings, their options chosen so that they do best.

    Attributes:
        instances: Number of clusters.
        width: Of the rbf similarity, metres.
        searched: From each width that was tried, metres, to the mean F1 of the scenes it was tried on.
        neighbours_f1: Mean F1 of the graph of 10 neighbours on the same scenes.
    """

    instances: int
    width: float
    searched: dict[float, float]
    neighbours_f1: float

    @property
    def better(self) -> str:
        """The spectral clustering that is better on the scenes that the width was searched on."""
        return RBF if self.searched[self.width] > self.neighbours_f1 else NEIGHBOURS

    def labels(self, points, *, seed=0) -> dict[str, np.ndarray]:
        """Return the labels of all points (n, 3) by each clustering, int64 (n,)."""
        few = _few(points, seed)
        found = {
            K_MEANS: k_means(few, self.instances),
            NEIGHBOURS: spectral_clustering(few, self.instances, affinity="nearest_neighbors"),
            RBF: spectral_clustering(few, self.instances, sigma=self.width),
        }
        nearest = cKDTree(few).query(points)[1]
        return {name: labels[nearest] for name, labels in found.items()}


def search_clusterings(points: Sequence, truth: Sequence, instances, extent, progress=None) -> Clusterings:
    """Return the clusterings with the width that has the best F1 by the true labels.

    No user knows the labels: the choice favours the clustering, as it should be when something else is to be better.

    Args:
        points: Of each training scene (n, 3), metres.
        truth: Of each the true labels (n,).
        instances: Number of parts in a scene.
        extent: Largest side of the part, metres.
        progress: Function of (scenes done, scenes in all), or None.
    """
    places = np.unique(np.linspace(0, len(points) - 1, _SEARCHED).astype(int))
    widths = [share * extent for share in WIDTHS]
    scores = {width: [] for width in [*widths, None]}
    for done, place in enumerate(places, 1):
        few = _few(points[place], place)
        nearest = cKDTree(few).query(points[place])[1]
        for width, found in scores.items():
            options = {"affinity": "nearest_neighbors"} if width is None else {"sigma": width}
            labels = spectral_clustering(few, instances, **options)[nearest]
            found.append(pair_scores(labels, truth[place]))
        if progress:
            progress(done, len(places))
    means = {width: mean_over_scenes(found).f1 for width, found in scores.items()}
    neighbours = means.pop(None)
    return Clusterings(instances, max(means, key=means.get), means, neighbours)


def _few(points, seed):
    return points[np.random.default_rng(seed).permutation(len(points))[:_CLUSTERED]]
