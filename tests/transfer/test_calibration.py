"""Probabilities from scores, against the truth that made them and NumPy by hand."""

import numpy as np
import pytest

from tfapp.transfer.calibration import calibration_error, fit_sigmoid, probabilities_of
from tfapp.transfer.classifiers import LinearClassifiers, fit_classifiers, keep_classifiers, read_classifiers

RNG = np.random.default_rng(0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_sigmoid_is_that_which_drew_the_labels():
    scores = RNG.normal(size=20_000)
    slope, offset = fit_sigmoid(scores, RNG.random(20_000) < sigmoid(3 * scores - 1))
    assert (slope, offset) == (pytest.approx(3, abs=0.15), pytest.approx(-1, abs=0.1))


def test_scores_that_part_all_images_give_no_infinite_slope():
    slope, offset = fit_sigmoid(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([False, False, True, True]))
    assert 0 < slope < 10 and abs(offset) < 1e-3
    # Platt's targets: 3 of 4 for two positive images.
    assert sigmoid(2 * slope) < 0.9


def test_scores_of_the_wrong_sign_give_the_share_of_the_class():
    scores = RNG.normal(size=400)
    slope, offset = fit_sigmoid(scores, scores < -0.7)
    assert slope > 0
    assert sigmoid(offset) == pytest.approx((scores < -0.7).mean(), abs=1e-6)


def machines(**options):
    return LinearClassifiers(np.zeros((2, 3)), np.zeros(3), 1.0, (), np.array([1.0, 2.0, 3.0]), np.zeros(3))


def test_probabilities_of_exclusive_classes_sum_to_one_in_the_same_proportions():
    scores = np.array([[0.5, -1.0, 0.2], [-900.0, -800.0, -700.0]])
    alone, together = (probabilities_of(machines(), scores, exclusive) for exclusive in (False, True))
    np.testing.assert_allclose(alone[0], sigmoid(scores[0] * [1, 2, 3]))
    np.testing.assert_allclose(together[0], alone[0] / alone[0].sum())
    np.testing.assert_allclose(together.sum(1), 1)


def test_calibration_error_is_the_distance_of_probability_and_share_over_the_bins():
    probabilities = np.array([[0.05, 0.95], [0.05, 0.85], [0.15, 0.95]])
    targets = np.array([[-1, 1], [1, 1], [0, -1]])  # the third image does not count for the first class
    error, rows = calibration_error(probabilities, targets)
    np.testing.assert_allclose(rows, [(0.05, 0.5, 2), (0.85, 1.0, 1), (0.95, 0.5, 2)])
    assert error == pytest.approx((2 * 0.45 + 0.15 + 2 * 0.45) / 5)


def test_calibrated_machines_are_kept_and_their_probabilities_are_near_the_truth(tmp_path):
    features = RNG.normal(size=(3000, 5))
    truth = sigmoid(4 * features[:, :2] / np.linalg.norm(features, axis=1, keepdims=True))
    targets = np.where(RNG.random((3000, 2)) < truth, 1, -1)
    found = fit_classifiers(features[:2000], targets[:2000], costs=(1.0,), calibrated=True)
    keep_classifiers(tmp_path / "kept.npz", found, ("a", "b"), "digest")
    again, _, _ = read_classifiers(tmp_path / "kept.npz")
    np.testing.assert_array_equal(again.slopes, found.slopes)
    given = probabilities_of(again, again.scores(features[2000:]), exclusive=False)
    assert np.abs(given - truth[2000:]).mean() < 0.03


def test_class_with_one_image_takes_the_score_for_the_logarithm_of_the_odds():
    targets = np.full((10, 1), -1)
    targets[0] = 1
    found = fit_classifiers(RNG.normal(size=(10, 3)), targets, costs=(1.0,), calibrated=True)
    assert (found.slopes.tolist(), found.offsets.tolist()) == ([1.0], [0.0])
