"""Clusterings at their best: the width that is chosen, and pixels that get the label of their neighbours."""

from types import SimpleNamespace

import numpy as np
import pytest

from tfapp.pose.evaluation import baselines
from tfapp.pose.evaluation.baselines import K_MEANS, NEIGHBOURS, RBF, WIDTHS, Clusterings, search_clusterings
from tfapp.pose.evaluation.instances import pair_scores, spectral_clustering
from tfapp.pose.scene_comparison import score_labels


def bars(apart, seed):
    """Return the points of two bars side by side, 0.1 m long, and which bar each is of."""
    rng = np.random.default_rng(seed)
    points = rng.normal(0, 0.0003, (120, 3))
    points[:, 0] += np.tile(np.linspace(0, 0.1, 60), 2)
    truth = np.repeat([3, 5], 60)
    points[truth == 5, 1] += apart
    return points, truth


@pytest.fixture(scope="module")
def scenes():
    return [bars(0.012, seed) for seed in range(2)]


@pytest.fixture(scope="module")
def found(scenes):
    return search_clusterings(*zip(*scenes, strict=True), 2, extent=0.1)


def test_the_width_is_the_one_with_the_best_f1_by_the_true_labels(scenes, found):
    def f1(width):
        scores = [
            pair_scores(spectral_clustering(points, 2, sigma=width), truth).f1 for points, truth in scenes
        ]
        return np.mean(scores)

    assert list(found.searched) == pytest.approx([0.1 * share for share in WIDTHS])
    # Points come in another order there, which K-means on the eigenvectors may notice.
    assert f1(found.width) == pytest.approx(max(map(f1, found.searched)), abs=0.02)
    assert found.searched[found.width] == max(found.searched.values()) > min(found.searched.values())


def test_the_best_three_widths_are_tried_on_all_scenes(scenes, monkeypatch):
    monkeypatch.setattr(baselines, "_FIRST", 1)
    seen = []
    found = search_clusterings(
        *zip(*scenes, strict=True), 2, 0.1, lambda done, total: seen.append((done, total))
    )
    # Nine on one scene, and three on the other.
    assert seen == [(done, 12) for done in range(1, 13)]
    assert found.width in sorted(found.searched, key=found.searched.get)[-3:]


def test_all_are_labelled_by_name(scenes, found):
    points, truth = scenes[0]
    labels = found.labels(points)
    assert list(labels) == [K_MEANS, NEIGHBOURS, RBF]
    assert pair_scores(labels[RBF], truth).f1 > 0.95 > pair_scores(labels[K_MEANS], truth).f1


def test_pixels_that_are_not_clustered_get_the_label_of_the_nearest(scenes, found, monkeypatch):
    monkeypatch.setattr(baselines, "_CLUSTERED", 40)
    points = np.concatenate([bars(0.05, seed)[0] for seed in range(5)])
    truth = np.tile(np.repeat([0, 1], 60), 5)
    assert pair_scores(found.labels(points)[NEIGHBOURS], truth).f1 == 1.0


def test_points_that_belong_to_no_part_are_clustered_but_not_scored(scenes):
    """Half of each bar's points are said to be of nothing: F1 is that of the others."""
    halves = [np.where(np.arange(len(truth)) % 2, truth, 0) for _, truth in scenes]
    points = [one for one, _ in scenes]
    found = search_clusterings(points, halves, 2, extent=0.1)
    scores = []
    for one, truth in zip(points, halves, strict=True):
        labels = spectral_clustering(one, 2, sigma=found.width)
        scores.append(pair_scores(labels[truth > 0], truth[truth > 0]).f1)
    assert found.searched[found.width] == pytest.approx(np.mean(scores), abs=0.02)
    assert found.searched[found.width] > 0.9


@pytest.mark.parametrize(("f1", "better"), [(0.8, RBF), (0.95, NEIGHBOURS)])
def test_the_better_one_is_that_with_the_larger_f1(f1, better):
    scores = {K_MEANS: {"f1": 1.0}, NEIGHBOURS: {"f1": f1}, RBF: {"f1": 0.9}}
    assert Clusterings(2, 0.01, {0.01: 0.9}).compared(scores).better == better


def test_of_no_more_points_than_parts_each_is_one(found):
    points = np.array([[0.0, 0, 0.5], [0.1, 0, 0.5]])
    assert all((labels == [0, 1]).all() for labels in found.labels(points).values())


def test_a_clustering_that_finds_fewer_parts_is_told_once_with_a_scene(scenes):
    def scene(points, truth, name):
        known = np.ones(len(points), bool)
        return SimpleNamespace(points=points, truth=truth, labels=truth, known=known, name=name)

    class Fewer(Clusterings):
        def labels(self, points, *, seed=0):
            return {RBF: np.zeros(len(points), int), K_MEANS: np.arange(len(points)) % 2}

    given = [scene(*one, name) for one, name in zip(scenes, ("first", "second"), strict=True)]
    with pytest.warns(
        UserWarning, match=rf"\({RBF}\) found fewer than 2 parts in 2 of 2 .* first;"
    ) as warned:
        means, _ = score_labels(given, Fewer(2, 0.01, {}))
    assert len(warned) == 1 and set(means) == {"ours", RBF, K_MEANS}
