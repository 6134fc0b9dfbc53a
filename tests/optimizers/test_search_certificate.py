"""The certificate of `branch_and_prune` against dense grids: never wrong."""

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.optimizers.lipschitz_functions import dense_grid, random_function
from tfapp.optimizers import branch_and_prune


def search_at_random(rng, dimension, most):
    """Search a random function with random options; return the result, the function's values on a grid, the grid."""
    function, gradient, lipschitz, bounds = random_function(rng, dimension)
    result = branch_and_prune(
        function,
        bounds,
        lipschitz,
        gradient=gradient,
        start=rng.uniform(*bounds.T),
        rho=rng.choice([0.0, 0.1, 0.5, 0.9]),
        bound=rng.choice(["balls", "sawtooth"]),
        tolerance=rng.choice([0.01, 0.1, 0.5]),
        max_evaluations=int(rng.integers(1, most)),
    )
    grid = dense_grid(bounds, 20_001 if dimension == 1 else 301)
    return result, function(grid), grid


def check(result, values, grid):
    """Assert that no point of the grid contradicts what the search says."""
    smallest = values.min()
    certificate = result.certificate
    assert certificate.lower_bound <= smallest and certificate.upper_bound == result.values.min()
    assert (result.lower_bounds <= smallest).all()
    assert certificate.lower_bound <= certificate.sawtooth_bound() <= smallest
    removed = np.zeros(len(grid), bool)
    for sample, radius in zip(result.samples, result.radii, strict=True):
        removed |= np.linalg.norm(grid - sample, axis=1) <= radius * (1 + 1e-9)
    assert (values[removed] >= certificate.target - 1e-9).all()
    if certificate.covered:
        assert removed.all() and certificate.covered_share == 1.0
    # A grid sees a share of the area to the length of the borders times its step.
    assert certificate.covered_share <= removed.mean() + 0.02
    certificate.verify()


def test_nothing_on_a_line_contradicts_the_certificate():
    for seed in range(200):
        check(*search_at_random(np.random.default_rng([1, seed]), 1, 300))


@pytest.mark.parametrize("seeds", [range(15), pytest.param(range(15, 50), marks=pytest.mark.slow)], ids=str)
def test_nothing_in_the_plane_contradicts_the_certificate(seeds):
    for seed in seeds:
        check(*search_at_random(np.random.default_rng([2, seed]), 2, 150))


def cone(x):
    return 1 + np.linalg.norm(x - 0.3)


@pytest.fixture(params=[1, 2])
def result(request):
    return branch_and_prune(cone, [(0, 1)] * request.param, 1.0, rho=0.9, tolerance=0.01)


def test_a_bound_that_does_not_follow_is_refused(result):
    certificate = replace(result.certificate, lower_bound=result.minimum - 1e-6)
    with pytest.raises(ValueError, match="`lower_bound` must follow from the samples and L"):
        certificate.verify()


def test_a_cover_without_the_sample_that_completed_it_is_refused(result):
    certificate = result.certificate
    shortened = replace(certificate, samples=result.samples[:-1], values=result.values[:-1])
    with pytest.raises(ValueError, match="`lower_bound` must follow"):
        shortened.verify()


def test_samples_that_are_steeper_than_l_are_refused(result):
    certificate = replace(result.certificate, lipschitz=0.9)
    with pytest.raises(ValueError, match="`lipschitz` must be at least .*, the slope between two samples"):
        certificate.verify()


def test_sawtooth_bound_of_a_line_is_its_minimum():
    result = branch_and_prune(cone, [(0, 1)], 2.0, rho=0.1)
    grid = np.linspace(0, 1, 100_001)
    sawtooth = (result.values - 2.0 * np.abs(grid[:, None] - result.samples[:, 0])).max(axis=1)
    assert result.certificate.sawtooth_bound() == pytest.approx(sawtooth.min(), abs=2e-5)


def test_sawtooth_bound_of_a_plane_is_near_its_minimum():
    result = branch_and_prune(cone, [(0, 1)] * 2, 2.0, rho=0.1)
    grid = dense_grid([(0, 1)] * 2, 401)
    distances = np.linalg.norm(grid[:, None] - result.samples, axis=2)
    sawtooth = (result.values - 2.0 * distances).max(axis=1).min()
    gap = result.minimum - sawtooth
    assert sawtooth - 0.02 * gap <= result.certificate.sawtooth_bound() <= sawtooth


@pytest.mark.parametrize(("dimension", "unit_ball"), [(1, 2.0), (2, math.pi), (3, 4 / 3 * math.pi)])
def test_theorem_2_counts_half_balls_of_the_smallest_radius(dimension, unit_ball):
    result = branch_and_prune(cone, [(0, 1)] * dimension, 1.0, rho=0.5, tolerance=1e-6)
    expected = (2 * 1.0 / ((1 - 0.5) * result.minimum)) ** dimension / unit_ball
    assert result.certificate.theorem_2 == pytest.approx(expected)
