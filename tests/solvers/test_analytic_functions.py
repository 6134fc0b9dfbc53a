import numpy as np
import pytest
from scipy.optimize import brentq

from tfapp.solvers.search.functions import FUNCTIONS

SIDES = {1: 20_001, 2: 401, 3: 61, 4: 21}


@pytest.fixture(params=list(FUNCTIONS))
def function(request):
    return FUNCTIONS[request.param]


@pytest.fixture
def grid(function):
    axes = [np.linspace(low, high, SIDES[function.dimension]) for low, high in function.bounds]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, function.dimension)


def test_gradient_is_that_of_central_differences(function):
    points = np.random.default_rng(0).uniform(*np.array(function.bounds).T, (20, function.dimension))
    step = 1e-5
    for axis, shift in enumerate(step * np.eye(function.dimension)):
        difference = (function.function(points + shift) - function.function(points - shift)) / (2 * step)
        np.testing.assert_allclose(function.gradient(points)[:, axis], difference, rtol=1e-6, atol=1e-6)


def test_lipschitz_constant_holds_on_a_grid(function, grid):
    assert np.linalg.norm(function.gradient(grid), axis=-1).max() <= function.lipschitz * (1 + 1e-12)


@pytest.mark.parametrize("name", ["f2", "f3", "rosenbrock", "sines-2"])
def test_lipschitz_constant_is_no_larger_than_needed(name):
    # It is reached in a corner.
    corners = np.stack(np.meshgrid(*FUNCTIONS[name].bounds, indexing="ij"), axis=-1)
    longest = np.linalg.norm(FUNCTIONS[name].gradient(corners), axis=-1).max()
    assert longest == pytest.approx(FUNCTIONS[name].lipschitz, rel=1e-3)


def test_minimum_is_below_a_grid_and_near_it(function, grid):
    smallest = function.function(grid).min()
    spacing = max((high - low) / (SIDES[function.dimension] - 1) for low, high in function.bounds)
    assert function.minimum <= smallest
    assert smallest <= function.minimum + function.lipschitz * spacing * np.sqrt(function.dimension)


def test_minimisers_of_the_sines_are_roots_of_their_derivative():
    def slope(x):
        return np.sin(x) + x * np.cos(x)

    assert FUNCTIONS["f1"].minimiser[0] == pytest.approx(brentq(slope, 4, 6), abs=1e-12)
    assert FUNCTIONS["f3"].minimiser[0] == pytest.approx(brentq(slope, 10, 12), abs=1e-12)


def test_start_lies_in_the_box(function):
    assert all(low <= x <= high for x, (low, high) in zip(function.start, function.bounds, strict=True))


def test_functions_and_gradients_take_many_points_at_once(function):
    points = np.random.default_rng(0).uniform(*np.array(function.bounds).T, (3, 4, function.dimension))
    assert function.function(points).shape == (3, 4) and function.gradient(points).shape == points.shape
    one_by_one = [[function.function(point) for point in row] for row in points]
    np.testing.assert_allclose(function.function(points), one_by_one)
