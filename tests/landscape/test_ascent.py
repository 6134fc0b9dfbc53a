import numpy as np
import pytest
from small_convex import highest_vertex

from tfapp.landscape.flatness.sharpness_search import active_share, maximise_by_signs, maximise_lbfgsb

CLIMBS = [maximise_lbfgsb, maximise_by_signs]


def quadratic(matrix, slope):
    return lambda z: (0.5 * z @ matrix @ z + slope @ z, matrix @ z + slope)


def random_quadratic(d, seed):
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((d, d))
    return quadratic(root @ root.T, rng.standard_normal(d)), rng.uniform(0.1, 2, d)


@pytest.mark.parametrize("climb", CLIMBS)
def test_a_linear_function_is_largest_at_the_vertex_of_its_signs(climb):
    slope, width = np.array([3.0, -1.0, 0.5]), np.array([1.0, 2.0, 4.0])
    found = climb(quadratic(np.zeros((3, 3)), slope), np.zeros(3), width)
    assert found.value == pytest.approx(3 + 2 + 2)
    np.testing.assert_array_equal(found.point, [1, -2, 4])


@pytest.mark.parametrize("climb", CLIMBS)
@pytest.mark.parametrize("seed", range(5))
def test_a_convex_function_is_never_above_its_highest_vertex_and_reaches_it_from_some_start(climb, seed):
    objective, width = random_quadratic(7, seed)
    starts = np.random.default_rng(seed).uniform(-1, 1, (20, 7)) * width
    found = [climb(objective, start, width, 20).value for start in starts]
    highest = highest_vertex(lambda z: objective(z)[0], width)
    assert max(found) == pytest.approx(highest)
    assert all(value <= highest * (1 + 1e-12) for value in found)


@pytest.mark.parametrize("climb", CLIMBS)
def test_the_value_is_that_of_the_point_and_the_point_is_in_the_box(climb):
    objective, width = random_quadratic(30, 0)
    found = climb(objective, np.zeros(30), width)
    assert found.value == objective(found.point)[0]
    assert np.all(np.abs(found.point) <= width)


def test_signs_go_up_at_every_step_of_a_convex_function():
    objective, width = random_quadratic(40, 1)
    start = np.full(40, 1e-3)
    values = [maximise_by_signs(objective, start, width, steps).value for steps in range(1, 7)]
    assert values == sorted(values)


def test_signs_keep_the_highest_vertex_and_not_the_last_one():
    # From 0.5 the slope leads to 1, from there to -1, and back.
    def saw(z):
        return float(-abs(z[0] - 0.9)), -np.sign(z - 0.9)

    found = maximise_by_signs(saw, np.array([0.5]), np.ones(1))
    assert found.point[0] == 1.0 and found.iterations == 10 and found.message == "all steps taken"


def test_signs_stop_after_the_vertices_at_which_two_climbs_end():
    # Up to (1, 1), opposite to (-1, -1), up again, and no further.
    found = maximise_by_signs(quadratic(np.zeros((2, 2)), np.ones(2)), np.zeros(2), np.ones(2))
    assert (found.iterations, found.evaluations) == (3, 4)
    assert found.message == "no vertex beside these is higher to first order"


def test_signs_find_the_opposite_vertex_where_that_is_higher():
    # From 0.5 the slope of (z - 0.2)^2 leads to 1, where it is lower than at -1.
    found = maximise_by_signs(
        lambda z: (float((z[0] - 0.2) ** 2), 2 * (z - 0.2)), np.array([0.5]), np.ones(1)
    )
    assert found.point[0] == -1.0 and found.value == pytest.approx(1.44)


def test_a_coordinate_without_slope_stays_where_it_is():
    found = maximise_by_signs(quadratic(np.zeros((2, 2)), np.array([1.0, 0.0])), np.full(2, 0.3), np.ones(2))
    np.testing.assert_array_equal(found.point, [1, 0.3])


def test_lbfgsb_does_not_stop_at_a_slope_that_is_smaller_than_scipys_tolerance():
    found = maximise_lbfgsb(quadratic(np.zeros((3, 3)), np.full(3, 1e-9)), np.zeros(3), np.ones(3))
    assert found.value == pytest.approx(3e-9)


def test_lbfgsb_reports_scipys_iterations_and_message():
    objective, width = random_quadratic(50, 2)
    found = maximise_lbfgsb(objective, np.zeros(50), 100 * width, iterations=2)
    assert found.iterations <= 2 and found.evaluations >= 3
    assert isinstance(found.message, str) and found.message


@pytest.mark.parametrize("climb", CLIMBS)
def test_coordinates_with_a_box_of_width_zero_do_not_move(climb):
    found = climb(quadratic(np.eye(2), np.ones(2)), np.zeros(2), np.array([0.0, 1.0]))
    np.testing.assert_array_equal(found.point, [0, 1])


@pytest.mark.parametrize("climb", CLIMBS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_somewhere_does_not_count(climb, bad):
    def cliff(z):
        return (float(z.sum()), np.ones(2)) if z.sum() < 1 else (bad, np.full(2, np.nan))

    found = climb(cliff, np.zeros(2), np.full(2, 2.0))
    assert 0 <= found.value < 1 and found.value == found.point.sum()


def test_a_function_that_is_finite_nowhere_has_value_minus_infinity():
    found = maximise_by_signs(lambda z: (np.nan, np.full(2, np.nan)), np.zeros(2), np.ones(2))
    assert found.value == -np.inf and found.message == "the loss or its gradient is not finite"


def test_the_active_share_counts_coordinates_that_can_move_and_are_at_the_border():
    width = np.array([1.0, 1.0, 1.0, 2.0, 0.0])
    assert active_share(np.array([1.0, -1.0, 0.5, 2.0, 0.0]), width) == 0.75
    assert active_share(np.zeros(2), np.zeros(2)) == 0.0
