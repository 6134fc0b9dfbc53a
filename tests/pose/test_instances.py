"""Labels of instances: from predicted points, by clusterings, and their scores."""

import warnings
from dataclasses import astuple
from itertools import combinations

import numpy as np
import pytest
from sklearn.cluster import KMeans, SpectralClustering

from tfapp.errors import InputError
from tfapp.pose.evaluation.instances import (
    PairScores,
    k_means,
    label_picture,
    label_points,
    match_labels,
    mean_over_scenes,
    pair_scores,
    spectral_clustering,
)

CLOUDS = np.array([[[0.0, 0, 0], [0.1, 0, 0]], [[1.0, 0, 0], [0.2, 0, 0]]])


def brute_force(points, clouds):
    apart = np.linalg.norm(points[:, None, None] - clouds[None], axis=-1)
    return apart.min(axis=2).argmin(axis=1)


def test_points_get_the_instance_of_the_nearest_predicted_point():
    rng = np.random.default_rng(0)
    points, clouds = rng.normal(size=(200, 3)), rng.normal(size=(4, 30, 3))
    labels = label_points(points, clouds)
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(labels, brute_force(points, clouds))


def test_predicted_points_that_are_hidden_do_not_count():
    point = [[0.19, 0, 0]]
    visible = np.array([[True, True], [True, False]])
    assert label_points(point, CLOUDS) == [1]
    assert label_points(point, CLOUDS, visible) == [0]


@pytest.mark.parametrize(
    ("points", "clouds", "visible", "message"),
    [
        (
            np.zeros((2, 2)),
            CLOUDS,
            None,
            r"`points` must have the shape \(points, 3\). Received: shape \(2, 2\)",
        ),
        (np.zeros((0, 3)), CLOUDS, None, "`points` must hold at least one point. Received: 0"),
        ([[np.nan, 0, 0]], CLOUDS, None, "`points` must be finite. Received: NaN or inf in 1 of 1 points"),
        (np.zeros((2, 3)), CLOUDS[0], None, r"`clouds` must have the shape .* Received: shape \(2, 3\)"),
        (
            np.zeros((2, 3)),
            CLOUDS * np.nan,
            None,
            "`clouds` must be finite. Received: NaN or inf in 4 of 4 points",
        ),
        (np.zeros((2, 3)), CLOUDS, np.zeros((2, 2), bool), "`visible` must leave .* Received: none"),
        (np.zeros((2, 3)), CLOUDS, np.ones(2, bool), r"`visible` must have the shape \(2, 2\)"),
    ],
)
def test_arrays_of_another_form_are_refused(points, clouds, visible, message):
    with pytest.raises(InputError, match=message):
        label_points(points, clouds, visible)


def test_pictures_hold_label_plus_one_at_the_pixel_and_0_elsewhere():
    picture = label_picture(np.array([0, 1]), np.array([[0, 2], [1, 0]]), (2, 3))
    np.testing.assert_array_equal(picture, [[0, 0, 1], [2, 0, 0]])


def test_pixels_outside_of_the_picture_are_refused():
    with pytest.raises(InputError, match="2×3 pixels. Received: rows 0 to 2, columns 0 to 0"):
        label_picture(np.array([0, 1]), np.array([[0, 0], [2, 0]]), (2, 3))


def test_labels_are_renamed_so_that_most_points_agree():
    truth = np.array([7, 7, 7, 3, 3, 5])
    labels = np.array([0, 0, 1, 2, 2, 1])
    np.testing.assert_array_equal(match_labels(labels, truth), [7, 7, 5, 3, 3, 5])


def test_a_label_too_many_gets_a_name_that_the_truth_has_not():
    np.testing.assert_array_equal(match_labels(np.array([4, 4, 9]), np.array([1, 1, 1])), [1, 1, 3])


def by_all_pairs(labels, truth):
    pairs = list(combinations(range(len(truth)), 2))
    claimed = {pair for pair in pairs if labels[pair[0]] == labels[pair[1]]}
    together = {pair for pair in pairs if truth[pair[0]] == truth[pair[1]]}
    both = len(claimed & together)
    return PairScores(both / len(claimed), both / len(together), 2 * both / (len(claimed) + len(together)))


def test_five_points_counted_by_hand():
    # Truth {abc}{de}: pairs ab ac bc de. Labels {ab}{cde}: pairs ab cd ce de. In both: ab de.
    scores = pair_scores(np.array([0, 0, 1, 1, 1]), np.array([1, 1, 1, 2, 2]))
    assert scores == PairScores(precision=2 / 4, recall=2 / 4, f1=0.5)


def test_precision_and_recall_are_not_exchanged():
    # Labels {abcd}: 6 pairs. Truth {ab}{cd}: 2 pairs, both among them.
    scores = pair_scores(np.array([0, 0, 0, 0]), np.array([1, 1, 2, 2]))
    assert scores == PairScores(precision=2 / 6, recall=1.0, f1=0.5)


def test_scores_equal_a_count_of_all_pairs():
    rng = np.random.default_rng(0)
    labels, truth = rng.integers(0, 3, 40), rng.integers(0, 4, 40)
    assert astuple(pair_scores(labels, truth)) == pytest.approx(astuple(by_all_pairs(labels, truth)))


def test_names_of_the_instances_do_not_matter():
    truth = np.array([1, 1, 2, 2, 3])
    assert pair_scores(np.array([9, 9, 0, 0, 4]), truth) == PairScores(1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("labels", "truth", "scores"),
    [
        ([0, 1, 2], [1, 1, 1], PairScores(0.0, 0.0, 0.0)),
        ([0, 0, 0], [1, 2, 3], PairScores(0.0, 0.0, 0.0)),
        ([0, 1, 2], [1, 2, 3], PairScores(1.0, 1.0, 1.0)),
        ([0], [1], PairScores(1.0, 1.0, 1.0)),
    ],
)
def test_scores_are_defined_where_no_pair_is_together(labels, truth, scores):
    assert pair_scores(np.array(labels), np.array(truth)) == scores


def test_mean_over_scenes_counts_each_scene_the_same():
    mean = mean_over_scenes([PairScores(1.0, 0.5, 0.8), PairScores(0.5, 0.5, 0.6)])
    assert mean == PairScores(0.75, 0.5, pytest.approx(0.7))


@pytest.mark.parametrize(
    ("labels", "truth", "message"),
    [
        ([0, 1], [1, 1, 1], "`labels` must hold 3 labels. Received: 2"),
        ([], [], "`truth` must be whole numbers"),
        ([0.5, 1.0], [1, 2], "`labels` must be whole numbers .* Received: float64"),
    ],
)
def test_labels_of_another_form_are_refused(labels, truth, message):
    with pytest.raises(InputError, match=message):
        pair_scores(np.array(labels), np.array(truth))


def test_mean_needs_a_scene():
    with pytest.raises(InputError, match="at least one scene"):
        mean_over_scenes([])


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


@pytest.mark.parametrize("num_instances", [2, 3, 5])
@pytest.mark.parametrize("affinity", ["rbf", "nearest_neighbors"])
@pytest.mark.parametrize("apart", [0.02, 0.1, 5.0])
def test_spectral_clustering_is_that_of_scikit_learn(apart, affinity, num_instances):
    points, _ = heaps(3, apart)
    expected = SpectralClustering(
        num_instances, affinity=affinity, gamma=1 / (2 * 0.02**2), n_init=10, random_state=4
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = expected.fit_predict(points)
    labels = spectral_clustering(points, num_instances, affinity=affinity, sigma=0.02, seed=4)
    assert pair_scores(labels, expected) == RIGHT


@pytest.mark.parametrize("count", [9, 10, 11])
def test_points_in_a_row_are_clustered_by_all_eigenvectors_where_eigenvalues_lie_close(count):
    """ARPACK gives up there, and what scikit-learn takes in its place warns of its accuracy."""
    along = np.random.default_rng(0).normal(0, 0.02, 300)
    similarity = np.exp(-((along[:, None] - along) ** 2) / (2 * 0.02**2))
    np.fill_diagonal(similarity, 0)
    root = np.sqrt(similarity.sum(0))
    _, vectors = np.linalg.eigh(np.eye(300) - similarity / root / root[:, None])
    random = np.random.RandomState(0)
    random.uniform(size=300)  # as many as a first guess of eigenvectors takes
    expected = KMeans(count, n_init=10, random_state=random).fit_predict(vectors[:, :count] / root[:, None])
    labels = spectral_clustering(np.stack([along, 0 * along, 0 * along + 0.5], 1), count, sigma=0.02)
    assert pair_scores(labels, expected).f1 > 0.98


def test_points_far_from_all_others_are_no_warning_where_they_make_no_cluster():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(0, 0.005, (380, 3)), rng.uniform(-1, 1, (20, 3))])
    labels = spectral_clustering(points, 5)
    assert labels.min() >= 0 and labels.max() < 5 and len(labels) == 400


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
