import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import minimize_scalar

from tfapp.solvers.paths import parabola
from tfapp.solvers.paths.parabola import CRITICAL_RATE, CURVATURES, ON_ITS_AXES, TURNED, line_search_path

SMALL, BEST, CRITICAL, ABOVE, SEARCH, MOMENTUM = 0, 2, 3, 4, 5, 6


@pytest.fixture(scope="module")
def descents():
    return parabola.descents()


def test_curvatures_are_the_eigenvalues():
    np.testing.assert_allclose(np.linalg.eigvalsh(TURNED.hessian), CURVATURES)


def test_tensor_value_is_that_of_numpy():
    point = np.array([0.3, -1.7])
    assert float(TURNED.tensor_value(tf.constant(point))) == pytest.approx(TURNED.value(point), rel=1e-12)


def test_fixed_rate_multiplies_with_powers_of_the_identity_less_the_scaled_hessian(descents):
    points = descents[SMALL].path.points
    matrix = np.eye(2) - CRITICAL_RATE / 4 * TURNED.hessian
    for update in (1, 7, 40):
        np.testing.assert_allclose(
            points[update], np.linalg.matrix_power(matrix, update) @ TURNED.start, rtol=1e-5
        )


def test_loss_falls_below_the_critical_rate_stays_at_it_and_grows_above_it(descents):
    factors = [descents[index].measured_factor for index in (BEST, CRITICAL, ABOVE)]
    assert factors[0] < 0.7 and factors[1] == pytest.approx(1, abs=1e-5) and factors[2] > 1.2


def test_each_line_search_ends_where_the_ray_is_lowest():
    points = line_search_path(TURNED, TURNED.start, 5).points
    for here, there in zip(points, points[1:], strict=False):
        gradient = TURNED.hessian @ here
        found = minimize_scalar(lambda t, here=here, g=gradient: TURNED.value(here - t * g)).x
        np.testing.assert_allclose(there, here - found * gradient, atol=1e-7)


def test_successive_directions_of_line_search_are_orthogonal():
    steps = np.diff(line_search_path(TURNED, TURNED.start, 8).points, axis=0)
    cosines = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in zip(steps, steps[1:], strict=False)]
    np.testing.assert_allclose(cosines, 0, atol=1e-7)


def test_line_search_from_the_worst_start_leaves_the_share_of_kappa_of_the_loss_in_each_step():
    losses = line_search_path(TURNED, TURNED.worst_start, 20).losses
    np.testing.assert_allclose(losses[1:] / losses[:-1], (9 / 11) ** 2, rtol=1e-9)


def test_line_search_on_the_axes_goes_as_boyd_and_vandenberghe_say():
    # Convex Optimization, section 9.3.2: from (kappa, 1), kappa s^k and (-s)^k with s = (kappa - 1) / (kappa + 1).
    k = np.arange(13)
    shrunk = (9 / 11) ** k
    expected = np.stack([10 * shrunk, (-1.0) ** k * shrunk], axis=1)
    np.testing.assert_allclose(line_search_path(ON_ITS_AXES, (10, 1), 12).points, expected, rtol=1e-9)


def test_line_search_from_anywhere_leaves_no_more():
    for start in np.random.default_rng(0).normal(size=(20, 2)):
        losses = line_search_path(TURNED, start, 5).losses
        assert (losses[1:] <= (9 / 11) ** 2 * losses[:-1] * (1 + 1e-9)).all()


def test_line_search_at_the_minimum_stays():
    assert not line_search_path(TURNED, (0.0, 0.0), 3).points.any()


def test_measured_factors_are_those_of_theory(descents):
    for descent in descents[:MOMENTUM]:
        assert descent.measured_factor == pytest.approx(descent.factor, rel=2e-3)


def test_momentum_comes_near_its_factor(descents):
    # ((sqrt(10) - 1) / (sqrt(10) + 1))^2; a double eigenvalue adds a power of the number of updates.
    assert descents[MOMENTUM].factor == pytest.approx(0.2699, abs=5e-5)
    assert descents[MOMENTUM].factor < descents[MOMENTUM].measured_factor < 0.3
    assert descents[MOMENTUM].measured_factor < descents[SEARCH].measured_factor


def test_rows_have_theory_and_measurement(descents):
    line = parabola.rates_table(descents).rows[SEARCH]
    assert line[:4] == ("exact line search", "g'g / g'Hg", "0.6694", "0.6694")
