import numpy as np
import pytest
from sklearn.metrics import average_precision_score
from sklearn.svm import LinearSVC

from tfapp.errors import InputError
from tfapp.transfer.classifiers import (
    average_precision,
    average_precisions,
    check_examples,
    fit_classifiers,
    unit_length,
)


def clouds(count=60, dimension=5, seed=0):
    """Return features around one of three directions, and one-versus-rest targets."""
    rng = np.random.default_rng(seed)
    classes = np.arange(count) % 3
    features = 4 * np.eye(dimension)[classes] + rng.normal(size=(count, dimension))
    return features, np.where(classes[:, None] == np.arange(3), 1, -1).astype(np.int8)


def test_scores_are_those_of_scikit_learn_on_features_of_length_1():
    features, targets = clouds()
    machines = fit_classifiers(features, targets, costs=(2.0,))
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    expected = [
        LinearSVC(C=2.0, dual=False).fit(unit, column).decision_function(unit) for column in targets.T
    ]
    np.testing.assert_allclose(machines.scores(features), np.stack(expected, 1), rtol=1e-9, atol=1e-12)


def test_length_of_a_feature_vector_does_not_matter():
    features, targets = clouds()
    machines = fit_classifiers(features, targets, costs=(1.0,))
    np.testing.assert_allclose(machines.scores(7.5 * features), machines.scores(features), rtol=1e-12)


def test_feature_of_zeros_stays_zero():
    assert unit_length(np.zeros((2, 3))).tolist() == [[0.0] * 3] * 2


def test_cost_is_the_one_with_the_best_cross_validated_mean():
    rng = np.random.default_rng(3)
    features, targets = clouds(seed=2)
    noisy = np.hstack([features / 3, rng.normal(size=(60, 30))])
    machines = fit_classifiers(noisy, targets, costs=(1e-3, 1e4))
    assert machines.cost == (1e-3, 1e4)[int(np.argmax(machines.validated))]
    assert machines.validated[0] != machines.validated[1]


def test_images_that_do_not_count_are_left_out():
    features, targets = clouds()
    wrong = np.vstack([features, features])
    masked = np.vstack([targets, np.zeros_like(targets)])
    found, expected = (
        fit_classifiers(*pair, costs=(1.0,)) for pair in ((wrong, masked), (features, targets))
    )
    np.testing.assert_array_equal(found.weights, expected.weights)


def test_class_with_one_example_takes_the_middle_cost_without_validation():
    features, _ = clouds(12)
    targets = np.where(np.arange(12)[:, None] == np.arange(1), 1, -1)
    machines = fit_classifiers(features, targets, costs=(0.1, 1.0, 10.0))
    assert machines.cost == 1.0 and machines.validated == ()


def test_progress_counts_every_fit():
    features, targets = clouds()
    seen = []
    fit_classifiers(
        features, targets, costs=(0.1, 1.0), progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(done, 9) for done in range(1, 10)]


@pytest.mark.parametrize("column, kind", [([-1, -1, 0], "positive"), ([1, 0, 1], "negative")])
def test_class_without_an_example_is_named(column, kind):
    targets = np.array([[1, -1, 1], column]).T
    with pytest.raises(
        InputError, match=f"The class cow has no {kind} example among the 3 training images of X"
    ):
        check_examples(targets, ["dog", "cow"], "training images of X")


# By falling score: a hit, a miss, a hit, two misses, a hit.
SCORES, TARGETS = np.arange(6, 0, -1.0), np.array([1, -1, 1, -1, -1, 1])


def test_area_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    scores, targets = rng.normal(size=200), rng.choice([-1, 1], 200, p=[0.8, 0.2])
    expected = average_precision_score(targets == 1, scores)
    assert average_precision(scores, targets, "area") == pytest.approx(expected, rel=1e-12)


def test_eleven_points_of_an_example_worked_by_hand():
    # Precision 1 up to recall 1/3 (points 0 to 0.3), 2/3 up to 2/3 (0.4 to 0.6), 1/2 up to 1 (0.7 to 1).
    assert average_precision(SCORES, TARGETS, "11-point") == pytest.approx((4 * 1 + 3 * 2 / 3 + 4 / 2) / 11)


def test_area_of_the_same_example():
    assert average_precision(SCORES, TARGETS) == pytest.approx((1 + 2 / 3 + 1 / 2) / 3)


def test_precision_1_at_recall_0_is_not_counted():
    # One miss before the one hit: no threshold has a precision above 1/2.
    assert average_precision([2.0, 1.0], [-1, 1], "11-point") == pytest.approx(1 / 2)


@pytest.mark.parametrize("form", ["area", "11-point"])
def test_images_that_do_not_count_change_nothing(form):
    scores, targets = np.append(SCORES, [9.0, 3.5]), np.append(TARGETS, [0, 0])
    assert average_precision(scores, targets, form) == average_precision(SCORES, TARGETS, form)


def test_class_without_a_positive_example_has_none():
    assert np.isnan(average_precision(SCORES, -np.ones(6)))


def test_each_column_is_a_class():
    scores, targets = np.stack([SCORES, -SCORES], 1), np.stack([TARGETS, TARGETS], 1)
    expected = [average_precision(SCORES, TARGETS), average_precision(-SCORES, TARGETS)]
    assert average_precisions(scores, targets).tolist() == expected
