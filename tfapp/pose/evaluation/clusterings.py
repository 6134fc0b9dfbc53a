"""Clusterings of an observed cloud, which know nothing of parts: the rivals of a network's instance labels."""

import warnings

import numpy as np
from sklearn.cluster import KMeans, SpectralClustering
from threadpoolctl import threadpool_limits

from tfapp.errors import InputError
from tfapp.pose.evaluation.point_checks import check_points

_STARTS = 10
# A cloud of some hundred points is done in milliseconds; threads that wait for one another take ten times as long.
_one_thread = threadpool_limits.wrap(limits=1)


@_one_thread
def k_means(points, num_instances, *, seed=0) -> np.ndarray:
    """Cluster a cloud by K-means, the best of 10 starts by k-means++.

    Args:
        points: (n, 3), metres.
        num_instances: Number of clusters, >= 1.
        seed: Of the starts.

    Returns:
        int64 (n,), from 0 to `num_instances` - 1.

    Raises:
        InputError: Fewer different points than clusters, or coordinates that are not finite.
    """
    points = _check(points, num_instances)
    model = KMeans(num_instances, init="k-means++", n_init=_STARTS, random_state=seed)
    return model.fit_predict(points).astype(np.int64)


@_one_thread
def spectral_clustering(
    points, num_instances, *, affinity="rbf", sigma=0.02, neighbours=10, seed=0
) -> np.ndarray:
    """Cluster a cloud by the eigenvectors of the normalised Laplacian of its similarity graph.

    Ng, Jordan, Weiss, *On Spectral Clustering: Analysis and an Algorithm*, 2001.

    Args:
        points: (n, 3), metres. "rbf" needs n x n numbers of memory: sample large clouds first.
        num_instances: Number of clusters, >= 1.
        affinity: "rbf", the similarity exp(-d² / (2 sigma²)) of points at the distance d, or
            "nearest_neighbors", a graph of each point and its nearest ones.
        sigma: Width of the similarity in metres, > 0; only for "rbf".
        neighbours: Points that each one is joined to, itself among them, at most n; only for "nearest_neighbors".
        seed: Of the eigenvectors and of the K-means on them.

    Returns:
        int64 (n,), from 0 to `num_instances` - 1.

    Raises:
        InputError: Fewer different points than clusters and one more, an unknown affinity, a width or a number of
            neighbours out of range, or coordinates that are not finite.
    """
    points = _check(points, num_instances)
    if affinity not in ("rbf", "nearest_neighbors"):
        raise InputError(f'`affinity` must be "rbf" or "nearest_neighbors". Received: affinity={affinity!r}.')
    if sigma <= 0 or neighbours < 2:
        raise InputError(
            "`sigma` must be greater than 0 and `neighbours` at least 2. "
            f"Received: sigma={sigma}, neighbours={neighbours}."
        )
    if num_instances == 1:
        return np.zeros(len(points), np.int64)
    if len(points) <= num_instances:
        raise InputError(
            f"Spectral clustering into {num_instances} needs more points than that. Received: {len(points)}."
        )
    model = SpectralClustering(
        num_instances,
        affinity=affinity,
        gamma=1 / (2 * sigma**2),
        n_neighbors=min(neighbours, len(points)),
        n_init=_STARTS,
        random_state=seed,
    )
    with warnings.catch_warnings():
        # Parts that lie apart make a graph in pieces; its first eigenvectors then tell the pieces.
        warnings.filterwarnings("ignore", "Graph is not fully connected", UserWarning)
        # Three points of three coordinates look like a matrix of similarities.
        warnings.filterwarnings("ignore", "The spectral clustering API has changed", UserWarning)
        return model.fit_predict(points).astype(np.int64)


def _check(points, num_instances):
    points = check_points("points", points)
    if num_instances < 1:
        raise InputError(f"`num_instances` must be at least 1. Received: num_instances={num_instances}.")
    different = len(np.unique(points, axis=0))
    if different < num_instances:
        raise InputError(
            f"A clustering into {num_instances} needs as many different points. Received: {different}."
        )
    return points
