import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.pose.evaluation.instances import PairScores, k_means, pair_scores, spectral_clustering

RIGHT = PairScores(1.0, 1.0, 1.0)
CLUSTERINGS = {
    "k-means": k_means,
    "rbf": spectral_clustering,
    "neighbours": lambda points, k, **options: spectral_clustering(
        points, k, affinity="nearest_neighbors", **options
    ),
}
every_clustering = pytest.mark.parametrize("cluster", CLUSTERINGS.values(), ids=CLUSTERINGS)


def heaps(num_heaps, apart, seed=0, size=60):
    """Return heaps of 8 mm in a row, and the heap of each point."""
    rng = np.random.default_rng(seed)
    centres = np.arange(num_heaps)[:, None] * [apart, 0.0, 0.0]
    return rng.normal(np.repeat(centres, size, axis=0), 0.008), np.repeat(np.arange(num_heaps), size)


@every_clustering
@pytest.mark.parametrize("num_heaps", [1, 2, 3])
def test_heaps_that_lie_apart_are_told_apart(cluster, num_heaps):
    points, truth = heaps(num_heaps, 0.1)
    labels = cluster(points, num_heaps)
    assert labels.dtype == np.int64 and set(labels) == set(range(num_heaps))
    assert pair_scores(labels, truth) == RIGHT


@every_clustering
def test_parts_without_any_similarity_are_told_apart_without_a_warning(cluster):
    points, truth = heaps(3, 5.0)
    assert pair_scores(cluster(points, 3), truth) == RIGHT


def test_spectral_clustering_follows_two_bars_side_by_side_that_k_means_cuts_in_halves():
    along = np.linspace(-0.1, 0.1, 80)
    bars = [np.stack([along, np.full(80, y), np.zeros(80)], axis=1) for y in (0.0, 0.03)]
    points, truth = np.concatenate(bars), np.repeat([0, 1], 80)
    for affinity in ("rbf", "nearest_neighbors"):
        labels = spectral_clustering(points, 2, affinity=affinity, sigma=0.005)
        assert pair_scores(labels, truth) == RIGHT
    assert pair_scores(k_means(points, 2), truth).f1 < 0.6


@every_clustering
def test_one_seed_gives_the_same_labels(cluster):
    points, _ = heaps(1, 0.0)
    np.testing.assert_array_equal(cluster(points, 3, seed=5), cluster(points, 3, seed=5))


@every_clustering
def test_few_points_are_clustered_without_a_warning(cluster):
    assert set(cluster(np.diag([0.01, 0.02, 0.05]), 2)) == {0, 1}


@every_clustering
@pytest.mark.parametrize(
    ("points", "num_instances", "message"),
    [
        (np.zeros((9, 3)), 2, "as many different points. Received: 1"),
        (np.eye(3), 0, "`num_instances` must be at least 1. Received: num_instances=0"),
        (np.full((9, 3), np.nan), 1, "`points` must be finite"),
    ],
)
def test_clouds_that_cannot_be_clustered_are_refused(cluster, points, num_instances, message):
    with pytest.raises(InputError, match=message):
        cluster(points, num_instances)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"affinity": "linear"}, "`affinity` must be .* Received: affinity='linear'"),
        ({"sigma": 0.0}, "`sigma` must be greater than 0"),
        ({"neighbours": 1}, "Received: sigma=0.02, neighbours=1"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        spectral_clustering(np.eye(3), 2, **options)
