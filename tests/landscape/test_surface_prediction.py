import numpy as np
import pytest
from scipy.interpolate import RBFInterpolator

from tfapp.landscape.adaptive import leave_one_out_errors, predict
from tfapp.landscape.window import lattice_cells


def grid(n=17):
    return np.meshgrid(np.linspace(-1, 1, n), np.linspace(-1, 1, n), indexing="ij")


def on_lattice(n, stride):
    mask = np.zeros((n, n), bool)
    mask[tuple(np.transpose(lattice_cells(n, n, stride)))] = True
    return mask


@pytest.fixture
def bumpy():
    a, b = grid()
    return np.exp(np.sin(3 * a) - b**2), on_lattice(17, 4)


def test_measured_points_are_returned_as_they_are(bumpy):
    loss, measured = bumpy
    np.testing.assert_array_equal(predict(loss, measured)[measured], loss[measured])


def test_points_that_are_not_measured_are_not_read(bumpy):
    loss, measured = bumpy
    hidden = np.where(measured, loss, np.nan)
    np.testing.assert_array_equal(predict(hidden, measured), predict(loss, measured))


def test_exponential_of_a_plane_is_predicted_exactly():
    a, b = grid()
    loss, measured = np.exp(5 * a - 3 * b), on_lattice(17, 8)
    np.testing.assert_allclose(predict(loss, measured), loss, rtol=1e-9)


def test_plane_with_negative_losses_is_predicted_exactly():
    a, b = grid()
    np.testing.assert_allclose(predict(a - b, on_lattice(17, 8)), a - b, atol=1e-12)


def test_twice_as_fine_a_lattice_is_better(bumpy):
    loss, _ = bumpy
    errors = [np.abs(predict(loss, on_lattice(17, stride)) - loss).max() for stride in (8, 4, 2)]
    assert errors[2] < errors[1] / 2 < errors[0] / 4


def test_point_measured_off_the_lattice_sharpens_its_surroundings():
    a, b = grid()
    loss, measured = 1 + np.exp(-40 * ((a - 0.25) ** 2 + (b - 0.25) ** 2)), on_lattice(17, 4)
    around = np.s_[9:12, 9:12]
    before = np.abs(predict(loss, measured) - loss)[around].sum()
    measured[10, 10] = True  # the peak, between four points of the lattice
    assert np.abs(predict(loss, measured) - loss)[around].sum() < 0.5 * before


def test_overflow_leaves_finite_predictions_around_it():
    a, b = grid()
    loss, measured = np.where(a + b > 1.5, np.inf, np.exp(3 * a)), on_lattice(17, 4)
    filled = predict(loss, measured)
    assert np.isfinite(filled[~measured]).all() and np.isinf(filled[-1, -1])


def test_without_a_finite_loss_nothing_is_predicted():
    measured = on_lattice(5, 2)
    assert np.isnan(predict(np.full((5, 5), np.nan), measured)).all()


def test_leave_one_out_errors_are_those_of_leaving_each_point_out(bumpy):
    loss, measured = bumpy
    places, heights = np.argwhere(measured) / 16, np.log(loss[measured])
    expected = []
    for index in range(len(places)):
        others = np.delete(np.arange(len(places)), index)
        without = RBFInterpolator(places[others], heights[others], kernel="cubic")
        expected.append(abs(np.exp(without(places[[index]])[0]) - loss[measured][index]))
    np.testing.assert_allclose(leave_one_out_errors(loss, measured)[measured], expected, rtol=1e-6)


def test_leave_one_out_errors_are_infinite_at_overflows_and_unknown_elsewhere(bumpy):
    loss, measured = bumpy
    loss[0, 0] = np.inf
    errors = leave_one_out_errors(loss, measured)
    assert np.isinf(errors[0, 0]) and np.isnan(errors[~measured]).all()
    assert np.isfinite(errors[measured]).sum() == measured.sum() - 1
