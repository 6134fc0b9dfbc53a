import numpy as np
import pytest

from tfapp.landscape.adaptive import HELD_OUT_SHARE, AdaptivePlan, predict


def bowl(a, b):
    return np.exp(3 * np.sqrt(a**2 + b**2 + 0.02) + 0.5 * a * b)


def kinks(a, b):
    return 0.1 + np.abs(a + 0.3 * b) + np.abs(b - 0.2 * a)


def waves(a, b):
    return 2 + np.sin(17 * a) * np.cos(23 * b + 3 * a)


def measure(function, n=33, tolerance=0.01, seed=0, known=()):
    """Follow a plan; return the true losses, the mask of measured cells, the prediction and the rounds."""
    axis = np.linspace(-1, 1, n)
    true = function(axis[:, None], axis[None, :])
    loss, measured = np.full((n, n), np.nan), np.zeros((n, n), bool)
    for cell in known:
        loss[cell], measured[cell] = true[cell], True
    plan, rounds = AdaptivePlan(loss, tolerance, seed), []
    for cells in plan.rounds():
        rounds.append(cells)
        for cell in cells:
            loss[cell], measured[cell] = true[cell], True
    return true, loss, measured, plan.prediction, rounds


def true_errors(true, loss, measured):
    return np.abs(predict(loss, measured) - true) / np.ptp(true)


def test_a_smooth_basin_needs_a_quarter_of_the_points():
    true, loss, measured, _, _ = measure(bowl)
    assert measured.sum() <= true.size / 4
    assert true_errors(true, loss, measured).max() <= 0.01


@pytest.mark.parametrize("seed", range(3))
def test_steep_corners_between_points_of_the_lattice_are_not_missed(seed):
    def steep(a, b):
        return 0.05 + (a**2 + b**2 + 0.2 * a * b) ** 6

    true, loss, measured, _, _ = measure(steep, seed=seed)
    assert measured.sum() <= true.size / 4
    assert true_errors(true, loss, measured).max() <= 0.01


def test_reported_errors_are_those_of_points_measured_last():
    true, loss, measured, prediction, rounds = measure(bowl)
    before = measured.copy()
    before[tuple(np.transpose(rounds[-1]))] = False
    errors = true_errors(true, loss, before)[tuple(np.transpose(rounds[-1]))]
    assert prediction.points == len(rounds[-1]) == round(HELD_OUT_SHARE * true.size)
    assert prediction.max_error == pytest.approx(errors.max(), rel=1e-6)
    assert prediction.rms_error == pytest.approx(np.sqrt(np.mean(errors**2)), rel=1e-6)


def test_points_that_are_added_lie_near_a_kink():
    _, _, _, _, rounds = measure(lambda a, b: 1 + np.abs(a + 0.3 * b) + 0.2 * b**2, tolerance=0.005)
    axis = np.linspace(-1, 1, 33)
    distance = np.abs(axis[:, None] + 0.3 * axis)
    added, drawn = (
        np.mean([distance[cell] for cells in part for cell in cells]) for part in (rounds[1::2], rounds[2::2])
    )
    assert added < 0.8 * drawn


@pytest.mark.parametrize("seed", range(4))
def test_held_out_points_within_the_tolerance_mean_small_errors_everywhere(seed):
    true, loss, measured, prediction, _ = measure(kinks, tolerance=0.02, seed=seed)
    assert prediction.max_error <= 0.02
    assert np.mean(true_errors(true, loss, measured) > 0.02) < 0.01


def test_what_cannot_be_predicted_is_measured_throughout_and_said_so():
    _, _, measured, prediction, _ = measure(waves)
    assert measured.all() and prediction.failed


def test_a_looser_tolerance_measures_fewer_points():
    assert measure(kinks, tolerance=0.1)[2].sum() < measure(kinks, tolerance=0.01)[2].sum()


@pytest.mark.parametrize("n", [3, 8, 9])
def test_a_small_grid_is_measured_throughout_without_a_failure(n):
    _, _, measured, prediction, _ = measure(bowl, n)
    assert measured.all() and not prediction.failed and prediction.points == 0


@pytest.mark.parametrize("function", [bowl, kinks])
def test_half_finished_surface_asks_for_the_same_cells(function):
    whole = measure(function)
    known = [cell for cells in whole[4] for cell in cells][:150]
    assert measure(function, known=known)[4] == whole[4]


def test_overflowing_cells_and_those_beside_them_are_measured():
    def overflowing(a, b):
        return np.where(a + b > 1.2, np.inf, bowl(a, b))

    axis = np.linspace(-1, 1, 33)
    _, _, measured, _, _ = measure(overflowing)
    edge = np.abs(axis[:, None] + axis - 1.2) < 0.1
    assert measured[edge].all()


def test_no_cell_is_asked_for_twice():
    cells = [cell for cells in measure(kinks)[4] for cell in cells]
    assert len(cells) == len(set(cells))
