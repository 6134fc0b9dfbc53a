import numpy as np
import pytest

from tfapp.solvers.paths.paths import SolverPath
from tfapp.solvers.paths.separable_example import errors_table, fit, separable_problem
from tfapp.solvers.paths.solvers import path_solver, solvers_on


@pytest.fixture(scope="module")
def problem():
    return separable_problem(count=40, seed=1)


@pytest.fixture(scope="module")
def adaptive(problem):
    return [
        fit(problem, path_solver("adam", 0.005), 800),
        fit(problem, solvers_on("separable", {"adagrad": None})[1], 300),
    ]


@pytest.fixture(scope="module")
def plain(problem):
    return [fit(problem, path_solver(*named), 800) for named in (("sgd", 0.5), ("bpgrad", 5.0))]


def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def test_features_are_the_label_two_ones_and_some_of_each_example_alone(problem):
    assert problem.features.shape == (40, 203)
    np.testing.assert_array_equal(problem.features[:, 0], problem.labels)
    np.testing.assert_array_equal(problem.features[:, 1:3], 1)
    own = problem.features[:, 3:]
    np.testing.assert_array_equal(own.sum(1), np.where(problem.labels > 0, 1, 5))
    assert own.sum(0).max() == 1


def test_sign_of_the_correlations_is_four_times_the_label_on_every_example(problem):
    # Lemma 3.1's condition, X sign(X'y) = c y, and no correlation of a feature that occurs is 0.
    correlations = problem.features.T @ problem.labels
    assert (correlations[problem.features.any(0)] != 0).all()
    np.testing.assert_allclose(problem.features @ np.sign(correlations), 4 * problem.labels)
    np.testing.assert_allclose(problem.features @ problem.sign_fit(), problem.labels)


def test_fit_of_least_norm_is_a_combination_of_examples_that_fits(problem):
    weights = problem.least_norm_fit()
    kernel = problem.features @ problem.features.T
    np.testing.assert_allclose(
        weights, problem.features.T @ np.linalg.solve(kernel, problem.labels), atol=1e-9
    )


def test_least_norm_generalises_and_the_signs_answer_class_1_always(problem):
    assert problem.test_error(problem.least_norm_fit()) == 0
    assert problem.test_error(problem.sign_fit()) == pytest.approx(0.4)
    assert problem.test_outputs(problem.sign_fit()) == pytest.approx((0.75, 0.25))


def test_test_outputs_are_those_of_an_example_without_features_that_were_seen(problem):
    weights = np.random.default_rng(1).normal(size=problem.features.shape[1])
    examples = np.zeros((2, len(weights)))
    examples[:, :3] = [(1, 1, 1), (-1, 1, 1)]
    np.testing.assert_allclose(problem.test_outputs(weights), examples @ weights)


def test_all_fit_the_examples(problem, adaptive, plain):
    assert all(problem.training_error(path.points[-1]) == 0 for path in [*adaptive, *plain])


def test_adaptive_methods_go_along_the_signs(problem, adaptive):
    for path in adaptive:
        assert cosine(path.points[-1], problem.sign_fit()) > 0.999
        assert problem.test_error(path.points[-1]) == pytest.approx(0.4)


def test_gradient_descent_and_bpgrad_find_the_least_norm(problem, plain):
    for path in plain:
        assert cosine(path.points[-1], problem.least_norm_fit()) > 0.999
        assert problem.test_error(path.points[-1]) == 0


def test_rows_begin_with_the_smallest_test_error(problem, adaptive, plain):
    table = errors_table(problem, [*adaptive, *plain])
    place = table.header.index("test error %")
    assert [row[0] for row in table.rows] == ["SGD", "BPGrad", "Adam", "Adagrad, sum from 0"]
    assert [row[place] for row in table.rows] == ["0.0", "0.0", "40.0", "40.0"]


def test_path_at_the_start_has_no_direction_and_every_example_wrong(problem):
    path = SolverPath(path_solver("sgd", 0.5), np.zeros((1, 203)), np.array([0.5]))
    line = errors_table(problem, [path]).rows[0]
    assert line[3:5] == ("100.0", "100.0") and line[-2:] == ("–", "–")


def test_more_examples_of_class_1_are_needed():
    with pytest.raises(ValueError, match="more examples of class 1 than of class -1. Received: seed=0"):
        separable_problem(count=40, share=0.1)
