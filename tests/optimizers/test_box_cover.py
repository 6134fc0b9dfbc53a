"""What boxes prove, against the sawtooth on dense grids."""

import numpy as np
import pytest

from tests.optimizers.lipschitz_functions import dense_grid
from tfapp.optimizers.branch_and_prune.covers import BoxCover, LineCover

LOW, HIGH = np.array([0.0, -1.0]), np.array([2.0, 0.5])


def filled(cover, seed=0, count=12):
    """Give a cover samples of a cone of slope 1 with its tip, of height 1, at (0.7, -0.2); return the samples."""
    samples = np.random.default_rng(seed).uniform(LOW, HIGH, (count, 2))[:, : len(cover.low)]
    tip = np.array([0.7, -0.2])[: len(cover.low)]
    values = 1 + np.linalg.norm(samples - tip, axis=1)
    for sample, value in zip(samples, values, strict=True):
        cover.add(sample, value)
    return samples, values


def sawtooth(samples, values, lipschitz, grid):
    return (values - lipschitz * np.linalg.norm(grid[:, None] - samples, axis=2)).max(axis=1)


@pytest.mark.parametrize("seed", range(5))
def test_lower_bound_is_below_the_sawtooth_and_near_it(seed):
    cover = BoxCover(LOW, HIGH, 2.0)
    samples, values = filled(cover, seed)
    cover.tighten(values.min(), 0.01)
    lowest = sawtooth(samples, values, 2.0, dense_grid(np.stack([LOW, HIGH], 1), 301)).min()
    assert lowest - 0.02 * (values.min() - lowest) <= cover.lower_bound() <= lowest


@pytest.mark.parametrize("dimension", [1, 2])
def test_only_what_follows_is_proven(dimension):
    kind = LineCover if dimension == 1 else BoxCover
    cover = kind(LOW[:dimension], HIGH[:dimension], 2.0)
    samples, values = filled(cover)
    grid = dense_grid(np.stack([LOW, HIGH], 1)[:dimension], 100_001 if dimension == 1 else 501)
    lowest = sawtooth(samples, values, 2.0, grid).min()
    assert cover.proves(lowest - 0.01)
    assert not cover.proves(lowest + 1e-9)


def test_share_is_that_of_the_points_where_the_sawtooth_is_high_enough():
    cover = BoxCover(LOW, HIGH, 2.0)
    samples, values = filled(cover)
    target = values.min() - 0.3
    proven = sawtooth(samples, values, 2.0, dense_grid(np.stack([LOW, HIGH], 1), 601)) >= target
    assert proven.mean() - 0.02 <= cover.covered_share(target) <= proven.mean() + 0.005


@pytest.mark.parametrize("descent", [None, np.array([1.0, 0.0]), np.array([0.0, -1.0])])
def test_next_border_is_on_the_edge_of_what_is_left(descent):
    cover = BoxCover(LOW, HIGH, 2.0)
    samples, values = filled(cover, count=4)
    target = values.min() - 0.4
    radii = (values - target) / 2.0
    border = cover.next_border(samples[-1], descent, target)
    assert (np.linalg.norm(samples - border, axis=1) - radii).min() == pytest.approx(0, abs=1e-9)


def test_next_border_is_the_nearest_on_a_line_without_a_descent():
    cover = LineCover(np.zeros(1), np.array([10.0]), 1.0)
    cover.add(np.array([4.0]), 3.0)
    cover.add(np.array([4.5]), 3.0)
    # With the target 1 both balls have radius 2: [2, 6.5] is removed, and 6.5 is 2 from 4.5, 2 from it 2.5.
    assert cover.next_border(np.array([4.5]), None, 1.0) == pytest.approx(6.5)
    assert cover.next_border(np.array([4.0]), None, 1.0) == pytest.approx(2.0)


def test_next_lowest_is_where_two_slopes_meet():
    cover = LineCover(np.zeros(1), np.array([4.0]), 1.0)
    cover.add(np.array([0.0]), 5.0)
    cover.add(np.array([4.0]), 4.0)
    # 5 - x = 4 - (4 - x) at x = 2.5, at a height of 2.5.
    assert cover.next_lowest(3.0) == pytest.approx(2.5) and cover.lower_bound() == 2.5
    assert cover.next_lowest(2.5) is None
