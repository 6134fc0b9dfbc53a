import keras
import numpy as np
import pytest
from scipy.sparse.linalg import aslinearoperator
from small_convex import build_logistic, flat_weights, logistic_derivatives
from test_lanczos import symmetric

from tfapp.errors import InputError, WorkFailed
from tfapp.landscape.flatness.curvature import top_eigenpairs, top_eigenvectors
from tfapp.landscape.samples import Batches

SPECTRUM = np.concatenate([np.linspace(-0.1, 0.1, 94), [-7.0, -3.0, 2.0, 4.0, 5.0, 6.0]])


@pytest.mark.parametrize(
    "which,expected",
    [("largest", [6, 5, 4]), ("smallest", [-7, -3, -0.1]), ("magnitude", [-7, 6, 5])],
)
def test_each_end_of_the_spectrum_is_found_with_the_outermost_first(which, expected):
    pairs = top_eigenpairs(aslinearoperator(symmetric(SPECTRUM)), 3, which=which, tolerance=1e-8)
    np.testing.assert_allclose(pairs.values, expected, rtol=1e-6)


def test_eigenvectors_are_of_length_1_orthogonal_and_have_a_positive_largest_component():
    matrix = symmetric(SPECTRUM)
    pairs = top_eigenpairs(aslinearoperator(matrix), 3, tolerance=1e-10)
    np.testing.assert_allclose(pairs.vectors @ pairs.vectors.T, np.eye(3), atol=1e-10)
    np.testing.assert_allclose(pairs.vectors @ matrix, pairs.values[:, None] * pairs.vectors, atol=1e-7)
    assert all(vector[np.abs(vector).argmax()] > 0 for vector in pairs.vectors)


def test_residuals_are_relative_and_tell_a_coarse_tolerance_from_a_fine_one():
    matrix = symmetric(np.linspace(0, 1, 200) ** 2)
    coarse, fine = (
        top_eigenpairs(aslinearoperator(matrix), 1, tolerance=tolerance) for tolerance in (0.1, 1e-9)
    )
    vector = coarse.vectors[0]
    expected = np.linalg.norm(matrix @ vector - coarse.values[0] * vector) / coarse.values[0]
    assert coarse.residuals[0] == pytest.approx(expected)
    assert fine.residuals[0] < 1e-8 < coarse.residuals[0]


@pytest.mark.parametrize("k", [1, 5, 30])
def test_small_matrices_may_have_all_their_eigenvalues(k):
    values = np.arange(30.0) - 10
    pairs = top_eigenpairs(aslinearoperator(symmetric(values)), k, tolerance=1e-10)
    np.testing.assert_allclose(pairs.values, values[::-1][:k], atol=1e-8)


@pytest.mark.parametrize("n", [5, 50])
def test_a_zero_matrix_has_eigenvalue_zero_without_residual(n):
    pairs = top_eigenpairs(aslinearoperator(np.zeros((n, n))), 1)
    assert pairs.values[0] == pairs.residuals[0] == 0
    assert np.linalg.norm(pairs.vectors[0]) == pytest.approx(1)


def test_the_seed_decides_the_result():
    operator = aslinearoperator(symmetric(SPECTRUM))
    first, again, other = (top_eigenpairs(operator, 1, seed=seed).vectors for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_eigenvalues_that_do_not_converge_are_not_returned():
    operator = aslinearoperator(symmetric(np.linspace(0, 1, 400) ** 0.2))
    with pytest.raises(WorkFailed, match="0 of 1 eigenvalues converged to 1e-12 in 1 restarts; allow more"):
        top_eigenpairs(operator, 1, iterations=1, tolerance=1e-12)


def test_directions_of_a_model_are_its_eigenvectors_in_the_shapes_of_its_variables():
    model, x, y = build_logistic()
    values, directions = top_eigenvectors(model, x, y, k=2, batch_size=4)
    expected, vectors = np.linalg.eigh(logistic_derivatives(x, y, flat_weights(model))[2])
    np.testing.assert_allclose(values, expected[:-3:-1], rtol=1e-5)
    for direction, vector in zip(directions, vectors.T[:-3:-1], strict=True):
        assert [part.shape for part in direction] == [(4, 1), (1,)]
        assert direction[0].dtype == np.float32
        flat = np.concatenate([part.ravel() for part in direction])
        assert abs(flat @ vector) == pytest.approx(1, abs=1e-5)


@pytest.mark.slow
def test_batches_may_take_the_place_of_arrays(segmenter, data):
    x, y, w = data
    from_arrays, _ = top_eigenvectors(segmenter, x, y, sample_weight=w, batch_size=4)
    from_batches, _ = top_eigenvectors(segmenter, Batches(x, y, w, 4))
    assert from_arrays == from_batches


def test_a_rescaled_loss_has_rescaled_eigenvalues():
    model, x, y = build_logistic()
    plain, _ = top_eigenvectors(model, x, y)
    model.compile(loss=keras.losses.BinaryCrossentropy(from_logits=True), loss_weights=[3.0])
    scaled, _ = top_eigenvectors(model, x, y)
    assert scaled[0] == pytest.approx(3 * plain[0], rel=1e-5)


@pytest.mark.parametrize(
    "options,message",
    [
        ({"k": 0}, "`k` must be an integer from 1 to 100, the number of parameters. Received: k=0"),
        ({"k": 101}, "Received: k=101"),
        ({"which": "top"}, "`which` must be one of .* Received: which='top'"),
        ({"iterations": 0}, "`iterations` must be a positive integer. Received: iterations=0"),
        ({"tolerance": 0.0}, "`tolerance` must be a positive number. Received: tolerance=0.0"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        top_eigenpairs(aslinearoperator(np.eye(100)), **options)
