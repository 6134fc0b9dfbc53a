"""Instances that observed points belong to, by the network and by its rivals, and how well they are found."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.sparse
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csgraph
from scipy.sparse.linalg import ArpackError, eigsh
from scipy.spatial import cKDTree
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics.cluster import pair_confusion_matrix
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.neighbors import kneighbors_graph
from threadpoolctl import threadpool_limits

from tfapp.errors import InputError
from tfapp.pose.evaluation.cad_surface import check_labels, check_points, check_visible

_STARTS = 10
# A cloud of some hundred points is done in milliseconds; threads that wait for one another take ten times as long.
_one_thread = threadpool_limits.wrap(limits=1)


def label_points(points, clouds, visible=None) -> np.ndarray:
    """Return for each observed point the instance that has the nearest predicted point.

    Y. Wu, dissertation, chapter 4: how the network segments a scene.

    Args:
        points: (n, 3), observed, metres in the camera frame.
        clouds: (instances, m, 3), the object model in the pose of each instance, in the same frame.
        visible: bool (instances, m), predicted points that count, such as those left by hidden point removal;
            None for all.

    Returns:
        int64 (n,), from 0 to instances - 1.

    Raises:
        InputError: Wrong shapes, coordinates that are not finite, or no predicted point that counts.
    """
    points = check_points("points", points)
    clouds = np.asarray(clouds, np.float64)
    if clouds.ndim != 3 or clouds.shape[2] != 3:
        raise InputError(
            f"`clouds` must have the shape (instances, points, 3). Received: shape {clouds.shape}."
        )
    visible = check_visible(visible, clouds.shape[:2])
    predicted = check_points("clouds", clouds[visible])
    instance, _ = np.nonzero(visible)
    return instance[cKDTree(predicted).query(points)[1]]


def label_picture(labels, pixels, shape) -> np.ndarray:
    """Return a picture of labels, 0 where there is no point and label + 1 elsewhere.

    Args:
        labels: Whole numbers (n,), >= 0, as `label_points` returns them.
        pixels: Whole numbers (n, 2), row and column of each point.
        shape: (height, width) of the picture.

    Returns:
        int64 (height, width).

    Raises:
        InputError: Not one pixel for each label, or a pixel outside of the picture.
    """
    labels, pixels = check_labels("labels", labels), np.asarray(pixels)
    if pixels.shape != (len(labels), 2):
        raise InputError(
            f"`pixels` must have the shape ({len(labels)}, 2), one for each label. "
            f"Received: shape {pixels.shape}."
        )
    if (pixels < 0).any() or (pixels >= shape).any():
        raise InputError(
            f"`pixels` must be rows and columns of a picture of {shape[0]}×{shape[1]} pixels. "
            f"Received: rows {_span(pixels[:, 0])}, columns {_span(pixels[:, 1])}."
        )
    picture = np.zeros(shape, np.int64)
    picture[tuple(pixels.T)] = labels + 1
    return picture


def match_labels(labels, truth) -> np.ndarray:
    """Return labels renamed to those of the truth, one to one, so that as many points as possible agree.

    What an instance is called means nothing; pictures need the same colours for the same parts.

    Args:
        labels: Whole numbers (n,).
        truth: Whole numbers (n,).

    Returns:
        int64 (n,). A label without a partner, because there are more labels than true ones, is a new one.

    Raises:
        InputError: Not as many labels as true ones, or none.
    """
    truth = check_labels("truth", truth)
    labels = check_labels("labels", labels, len(truth))
    ours, our_index = np.unique(labels, return_inverse=True)
    theirs, their_index = np.unique(truth, return_inverse=True)
    overlap = np.zeros((len(ours), len(theirs)), np.int64)
    np.add.at(overlap, (our_index, their_index), 1)
    rows, columns = linear_sum_assignment(-overlap)
    names = theirs.max() + 1 + np.arange(len(ours))
    names[rows] = theirs[columns]
    return names[our_index]


def _span(values):
    return f"{values.min()} to {values.max()}"


@_one_thread
def k_means(points, num_instances, *, seed=0) -> np.ndarray:
    """Cluster a cloud by K-means, the best of 10 starts by k-means++.

    Args:
        points: (n, 3), metres.
        num_instances: Number of clusters, >= 1.
        seed: Of the starts.

    Returns:
        int64 (n,), from 0 to `num_instances` - 1; not all of these where points differ in their last digits alone.

    Raises:
        InputError: Fewer different points than clusters, or coordinates that are not finite.
    """
    return _by_k_means(_check(points, num_instances), num_instances, seed)


@_one_thread
def spectral_clustering(
    points, num_instances, *, affinity="rbf", sigma=0.02, neighbours=10, seed=0
) -> np.ndarray:
    """Cluster a cloud by the eigenvectors of the normalised Laplacian of its similarity graph.

    Ng, Jordan, Weiss, *On Spectral Clustering: Analysis and an Algorithm*, 2001.

    Args:
        points: (n, 3), metres. n x n numbers of memory are needed: sample large clouds first.
        num_instances: Number of clusters, >= 1.
        affinity: "rbf", the similarity exp(-d² / (2 sigma²)) of points at the distance d, or
            "nearest_neighbors", a graph of each point and its nearest ones.
        sigma: Width of the similarity in metres, > 0; only for "rbf".
        neighbours: Points that each one is joined to, itself among them, at most n; only for "nearest_neighbors".
        seed: Of the eigenvectors and of the K-means on them.

    Returns:
        int64 (n,), from 0 to `num_instances` - 1; not all of these where some points are like no others.

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
    if affinity == "rbf":
        similarity = rbf_kernel(points, gamma=1 / (2 * sigma**2))
    else:
        joined = kneighbors_graph(points, min(neighbours, len(points)), include_self=True)
        similarity = (joined + joined.T) / 2
    random = np.random.RandomState(seed)
    return _by_k_means(_embedded(similarity, num_instances, random), num_instances, random)


def _embedded(similarity, count, random):
    """Return the place of each point by the first eigenvectors of its graph, (n, count)."""
    laplacian, degree = csgraph.laplacian(similarity, normed=True, return_diag=True)
    if scipy.sparse.issparse(laplacian):
        laplacian = laplacian.tocsr()
        laplacian.setdiag(1)
    else:
        np.fill_diagonal(laplacian, 1)  # also of points that are like no others
    try:
        # Next to 0, which is an eigenvalue: by that itself nothing could be divided.
        start = random.uniform(-1, 1, len(degree))
        _, vectors = eigsh(laplacian, count, sigma=-1e-5, which="LM", v0=start)
    except ArpackError:
        # Eigenvalues that lie too close for it, as of a wide similarity of points in a row.
        whole = laplacian.toarray() if scipy.sparse.issparse(laplacian) else laplacian
        _, vectors = scipy.linalg.eigh(whole, subset_by_index=(0, count - 1))
    return vectors / degree[:, None]


def _by_k_means(points, count, random):
    with warnings.catch_warnings():
        # Whoever asks for the labels counts them: places that differ in the last digits alone are no clusters.
        warnings.filterwarnings("ignore", "Number of distinct clusters", ConvergenceWarning)
        return KMeans(count, n_init=_STARTS, random_state=random).fit_predict(points).astype(np.int64)


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


@dataclass(frozen=True)
class PairScores:
    """Scores of a clustering, each in [0, 1], 1 the best.

    Attributes:
        precision: Of the pairs that were put together, the share that belongs together.
        recall: Of the pairs that belong together, the share that was put together.
        f1: Harmonic mean of both.
    """

    precision: float
    recall: float
    f1: float


def pair_scores(labels, truth) -> PairScores:
    """Score the labels of one scene by all pairs of two different points.

    What is counted is not points but pairs of points: a pair is positive where both points are said to be in the
    same instance. The names of the instances therefore do not matter. A part with many points weighs more than
    in proportion to them.

    Args:
        labels: Whole numbers (n,), the instance of each observed point.
        truth: Whole numbers (n,), the true instance.

    Returns:
        The `PairScores`. Where nothing was put together, precision is 0, and where nothing belongs together,
        recall is 0; where neither is, all scores are 1.

    Raises:
        InputError: Not as many labels as true ones, or none.
    """
    truth = check_labels("truth", truth)
    (_, wrong), (missed, right) = pair_confusion_matrix(truth, check_labels("labels", labels, len(truth)))
    if not right + wrong + missed:
        return PairScores(1.0, 1.0, 1.0)
    return PairScores(
        precision=_ratio(right, right + wrong),
        recall=_ratio(right, right + missed),
        f1=_ratio(2 * right, 2 * right + wrong + missed),
    )


def mean_over_scenes(scores: Sequence[PairScores]) -> PairScores:
    """Return the mean of each score over scenes; each scene counts the same, however many points it has.

    The F1 of the result is the mean of the scenes' F1, not the harmonic mean of the other two.

    Raises:
        InputError: No scene.
    """
    if not scores:
        raise InputError("The mean over scenes needs at least one scene. Received: none.")
    names = ("precision", "recall", "f1")
    return PairScores(*(float(np.mean([getattr(score, name) for score in scores])) for name in names))


def _ratio(part, whole):
    return float(part / whole) if whole else 0.0
