import numpy as np
import pytest

from tfapp.solvers.search.global_search import adalipo, lipo

BOUNDS = [(0.0, 1.0), (-1.0, 1.0)]


def cone(x):
    return float(np.linalg.norm(x - np.array([0.3, 0.2])))


@pytest.mark.parametrize("seed", range(3))
def test_every_point_of_lipo_could_have_been_smaller_than_all_before(seed):
    points, values = lipo(cone, BOUNDS, 1.5, max_evaluations=40, seed=seed)
    for count in range(1, len(values)):
        distances = np.linalg.norm(points[:count] - points[count], axis=1)
        assert (values[:count] - 1.5 * distances).max() <= values[:count].min()


def test_values_are_those_of_the_points_in_the_box():
    for points, values in (
        lipo(cone, BOUNDS, 1.5, max_evaluations=30, seed=0),
        adalipo(cone, BOUNDS, max_evaluations=30, seed=0),
    ):
        np.testing.assert_array_equal(values, [cone(point) for point in points])
        assert (points >= [0, -1]).all() and (points <= [1, 1]).all()


def test_lipo_is_closer_than_uniform_points_are():
    _, values = lipo(cone, BOUNDS, 1.5, max_evaluations=60, seed=1)
    uniform = np.random.default_rng(1).uniform([0, -1], [1, 1], (60, 2))
    assert values.min() < 0.3 * min(map(cone, uniform))


def test_adalipo_gets_near_the_minimum_without_a_constant():
    _, values = adalipo(cone, BOUNDS, max_evaluations=60, seed=0)
    assert values.min() < 0.02


def test_points_of_adalipo_respect_the_smallest_constant_of_the_grid_that_no_pair_contradicts():
    # Without exploration every point after the first is chosen by the estimate.
    points, values = adalipo(cone, BOUNDS, max_evaluations=25, seed=2, exploration=1e-12, growth=0.05)
    for count in range(2, len(values)):
        pairs = np.triu_indices(count, 1)
        distances = np.linalg.norm(points[pairs[0]] - points[pairs[1]], axis=1)
        steepest = (np.abs(values[pairs[0]] - values[pairs[1]]) / distances).max()
        constant = 1.05 ** np.ceil(np.log(steepest) / np.log(1.05))
        to_next = np.linalg.norm(points[:count] - points[count], axis=1)
        assert (values[:count] - constant * to_next).max() <= values[:count].min() + 1e-12


def test_exploration_with_certainty_is_uniform_search():
    points, _ = adalipo(cone, BOUNDS, max_evaluations=400, seed=0, exploration=1.0)
    counts, *_ = np.histogram2d(*points.T, bins=2, range=BOUNDS)
    # 100 are expected in each quarter, with a standard deviation of 8.7.
    assert abs(counts - 100).max() < 35


def test_lipo_gives_up_when_no_point_is_left_to_try():
    points, _ = lipo(lambda x: float(abs(x[0] - 0.3)), [(0.0, 1.0)], 1.0, max_evaluations=1000, seed=0)
    assert 2 <= len(points) < 1000


@pytest.mark.parametrize(
    "search", [lambda **o: lipo(cone, BOUNDS, 1.5, **o), lambda **o: adalipo(cone, BOUNDS, **o)]
)
def test_the_same_seed_gives_the_same_points(search):
    first, second, other = (search(max_evaluations=15, seed=seed)[0] for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)
