from dataclasses import astuple
from itertools import combinations

import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.pose.evaluation.instances import PairScores, mean_over_scenes, pair_scores


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
