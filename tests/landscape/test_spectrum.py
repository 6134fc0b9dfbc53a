import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.sparse.linalg import aslinearoperator
from test_lanczos import symmetric

from tfapp.errors import InputError
from tfapp.landscape.flatness.spectrum import SpectralDensity, hessian_trace, spectral_density


def test_the_trace_of_a_diagonal_matrix_is_exact_because_signs_have_square_1():
    trace = hessian_trace(aslinearoperator(np.diag([1.0, -4.0, 7.0])), probes=4)
    assert (trace.mean, trace.standard_error, trace.probes) == (4.0, 0.0, 4)


def test_the_trace_is_within_its_standard_error_and_that_has_the_size_of_hutchinsons_variance():
    matrix = symmetric(np.linspace(0, 2, 40))
    trace = hessian_trace(aslinearoperator(matrix), probes=400)
    assert abs(trace.mean - 40) < 3 * trace.standard_error
    # The variance of z'Hz over random signs is 2 (|H|^2 - |diag H|^2), Frobenius norms.
    variance = 2 * (np.sum(matrix**2) - np.sum(np.diag(matrix) ** 2))
    assert trace.standard_error == pytest.approx(np.sqrt(variance / 400), rel=0.15)


def test_one_probe_has_no_standard_error():
    assert np.isnan(hessian_trace(aslinearoperator(np.eye(3)), probes=1).standard_error)


def test_the_density_integrates_to_1_over_its_grid():
    found = spectral_density(aslinearoperator(symmetric(np.random.default_rng(0).standard_normal(60))))
    assert trapezoid(found.density, found.grid) == pytest.approx(1, abs=1e-12)
    assert found.weights.sum() == pytest.approx(1) and np.all(found.density >= 0)


def test_the_density_is_that_of_all_eigenvalues():
    rng = np.random.default_rng(0)
    values = np.concatenate([0.2 * rng.standard_normal(190), [4.0] * 10])
    found = spectral_density(aslinearoperator(symmetric(values)), steps=40, probes=20, sigma=0.1)
    terms = np.exp(-0.5 * ((found.grid[:, None] - values) / 0.1) ** 2) / (0.1 * np.sqrt(2 * np.pi))
    # Twenty probes of 200 dimensions leave a few percent of the mass in the wrong place.
    assert trapezoid(np.abs(found.density - terms.mean(axis=1)), found.grid) < 0.06
    assert trapezoid(found.density[found.grid > 3], found.grid[found.grid > 3]) == pytest.approx(
        0.05, rel=0.2
    )


def test_the_mean_eigenvalue_is_the_trace_over_n():
    matrix = symmetric(np.linspace(0, 2, 40))
    found = spectral_density(aslinearoperator(matrix), probes=400, steps=5)
    assert found.nodes @ found.weights == pytest.approx(1, rel=0.02)


def test_eigenvalues_that_are_all_the_same_have_one_peak_there():
    found = spectral_density(aslinearoperator(3 * np.eye(10)))
    assert found.grid[found.density.argmax()] == pytest.approx(3)
    assert trapezoid(found.density, found.grid) == pytest.approx(1)


def test_the_grid_reaches_five_sigma_beyond_the_nodes_in_steps_of_an_eighth_of_sigma_at_most():
    found = SpectralDensity.smoothed([-1.0, 2.0], [0.5, 0.5], 0.3)
    assert (found.grid[0], found.grid[-1]) == pytest.approx((-2.5, 3.5))
    assert np.diff(found.grid).max() <= 0.3 / 8 + 1e-12


def test_sigma_is_one_percent_of_the_width_of_the_spectrum_by_default():
    assert SpectralDensity.smoothed([-1.0, 2.0], [0.5, 0.5]).sigma == pytest.approx(0.03)


@pytest.mark.parametrize(
    "function,options,message",
    [
        (hessian_trace, {"probes": 0}, "`probes` must be a positive integer. Received: probes=0"),
        (spectral_density, {"steps": 0}, "`steps` must be a positive integer. Received: steps=0"),
        (spectral_density, {"probes": 0}, "`probes` must be a positive integer. Received: probes=0"),
        (spectral_density, {"sigma": 0.0}, "`sigma` must be a positive number or None. Received: sigma=0.0"),
    ],
)
def test_bad_arguments_are_refused(function, options, message):
    with pytest.raises(InputError, match=message):
        function(aslinearoperator(np.eye(3)), **options)
