import numpy as np
import pytest

from tfapp.landscape.flatness.spectrum import broadened, gauss_quadrature, tridiagonalised


def symmetric(eigenvalues, seed=0):
    """Return a dense symmetric matrix with these eigenvalues."""
    rng = np.random.default_rng(seed)
    q, _ = np.linalg.qr(rng.standard_normal((len(eigenvalues), len(eigenvalues))))
    return (q * eigenvalues) @ q.T


def test_as_many_steps_as_dimensions_give_all_eigenvalues():
    values = np.linspace(-1, 3, 12)
    matrix = symmetric(values)
    nodes, _ = gauss_quadrature(*tridiagonalised(matrix.dot, np.ones(12), 12))
    np.testing.assert_allclose(nodes, values, atol=1e-10)


def test_outer_eigenvalues_do_not_come_twice():
    # Without reorthogonalisation an isolated eigenvalue returns as soon as it has converged.
    values = np.concatenate([np.linspace(-1, 1, 149), [1e4]])
    nodes, _ = gauss_quadrature(*tridiagonalised(symmetric(values).dot, np.ones(150), 100))
    assert np.count_nonzero(nodes > 2) == 1


def test_an_exhausted_space_ends_the_iteration():
    diagonal, off_diagonal = tridiagonalised(symmetric(np.repeat([1.0, 2.0, 5.0], 4)).dot, np.ones(12), 10)
    assert (len(diagonal), len(off_diagonal)) == (3, 2)
    np.testing.assert_allclose(gauss_quadrature(diagonal, off_diagonal)[0], [1, 2, 5])


def test_a_zero_matrix_has_one_node_at_zero():
    nodes, weights = gauss_quadrature(*tridiagonalised(lambda v: 0 * v, np.ones(5), 5))
    assert nodes.tolist() == [0.0] and weights.tolist() == [1.0]


@pytest.mark.parametrize("power", range(8))
def test_the_quadrature_is_exact_for_moments_up_to_twice_the_steps_less_one(power):
    matrix = symmetric(np.random.default_rng(1).standard_normal(20))
    v = np.random.default_rng(2).standard_normal(20)
    nodes, weights = gauss_quadrature(*tridiagonalised(matrix.dot, v, 4))
    v /= np.linalg.norm(v)
    assert weights @ nodes**power == pytest.approx(v @ np.linalg.matrix_power(matrix, power) @ v, rel=1e-10)


def test_a_broadened_node_is_a_normal_density():
    # N(1, 2^2) at its mean and one standard deviation off: 1 / (2 sqrt(2 pi)) and that times exp(-1/2).
    density = broadened(np.array([1.0]), np.array([1.0]), np.array([1.0, 3.0]), 2.0)
    np.testing.assert_allclose(density, [0.19947114, 0.12098536], rtol=1e-6)
