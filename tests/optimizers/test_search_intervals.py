"""Interval arithmetic of removed balls, against hand values and against points on the line."""

import numpy as np
import pytest

from tfapp.optimizers.branch_and_prune.covers import first_border, removed_intervals, uncovered_gaps


def test_a_ball_cuts_a_chord_out_of_a_line():
    # A ball of radius 5 whose centre is 3 from the line: half a chord is 4 (3-4-5 triangle).
    intervals = removed_intervals(np.zeros(2), np.array([1.0, 0.0]), np.array([[10.0, 3.0]]), np.array([5.0]))
    np.testing.assert_allclose(intervals, [[6.0, 14.0]])


def test_balls_that_miss_the_line_cut_nothing():
    intervals = removed_intervals(np.zeros(2), np.array([0.0, 1.0]), np.array([[3.0, 0.0]]), np.array([2.9]))
    assert intervals.shape == (0, 2)


@pytest.mark.parametrize(
    ("intervals", "gaps"),
    [
        ([], [[0, 10]]),
        ([[-1, 11]], []),
        ([[2, 4], [6, 7]], [[0, 2], [4, 6], [7, 10]]),
        ([[6, 7], [2, 4]], [[0, 2], [4, 6], [7, 10]]),
        ([[-3, 4], [3, 12]], []),
        ([[0, 5], [5, 10]], []),
        ([[0, 8], [1, 2]], [[8, 10]]),
        ([[0, 5], [5.000001, 10]], [[5, 5.000001]]),
        ([[-5, -1], [11, 12]], [[0, 10]]),
    ],
)
def test_gaps_are_what_no_interval_holds(intervals, gaps):
    found = uncovered_gaps(np.array(intervals, float).reshape(-1, 2), 10.0)
    np.testing.assert_array_equal(found, np.array(gaps, float).reshape(-1, 2))


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_the_border_is_the_first_uncovered_point_of_a_ray(dimension):
    for seed in range(10):
        check_border(dimension, seed)


def check_border(dimension, seed):
    rng = np.random.default_rng(seed)
    low, high = np.zeros(dimension), np.ones(dimension)
    centres, radii = rng.uniform(0, 1, (12, dimension)), rng.uniform(0, 0.3, 12)
    origin, direction = centres[0], rng.normal(size=dimension)
    direction /= np.linalg.norm(direction)
    border = first_border(origin, direction, centres, radii, low, high)
    ray = origin + np.linspace(0, 2, 20_001)[:, None] * direction
    ray = ray[((low <= ray) & (ray <= high)).all(axis=1)]
    covered = (np.linalg.norm(ray[:, None] - centres, axis=2) <= radii).any(axis=1)
    if border is None:
        assert covered.all()
    else:
        np.testing.assert_allclose(border, ray[(~covered).argmax()], atol=2e-4)


def test_a_point_on_the_wall_has_no_border_behind_it():
    ball = np.array([[1.0]]), np.array([0.5])
    assert first_border(np.ones(1), np.ones(1), *ball, np.zeros(1), np.ones(1)) is None


def test_a_direction_along_a_wall_up_to_rounding_stays_in_the_box():
    ball = np.array([[0.5, 0.0]]), np.array([0.2])
    border = first_border(ball[0][0], np.array([1.0, -1e-320]), *ball, np.zeros(2), np.ones(2))
    np.testing.assert_allclose(border, [0.7, 0.0])
