"""Algorithm 1 and the search by the sawtooth, on functions whose minima are known."""

import numpy as np
import pytest

from tfapp.optimizers import branch_and_prune

FULL = 4 * np.pi
# The two minima of x sin x on [0, 4 pi], roots of tan x = -x.
NEAR, FAR = 4.913180439434884, 11.085538406497022


def sines(offset):
    return lambda x: (x * np.sin(x)).sum() + offset


def slope(x):
    return np.sin(x) + x * np.cos(x)


def algorithm_1(offset, high=FULL, **options):
    return branch_and_prune(sines(offset), [(0, high)], FULL, gradient=slope, start=2.5, **options)


@pytest.fixture(scope="module")
def f3():
    return algorithm_1(15.0)


def test_f3_is_sampled_where_the_text_says(f3):
    # The text gives x2 = 3.682, x5 = 1.27 and x12 = 11.117; the others by hand from the same rule.
    expected = [2.5, 3.6815, 4.6202, 5.3650, 1.2700, 0.0626, 6.1367, 7.1764, 8.7322, 10.2868, 10.8018]
    expected += [11.1169, 11.4009, 11.7293, 12.1982]
    np.testing.assert_allclose(f3.samples[:, 0], expected, atol=5e-5)


def test_f3_is_covered_after_15_samples_of_which_the_12th_is_best(f3):
    assert f3.stopped == "covered" and f3.certificate.covered and f3.certificate.evaluations == 15
    assert f3.values.argmin() + 1 == 12
    assert abs(f3.minimiser[0] - FAR) == pytest.approx(0.031, abs=5e-4)


def test_bounds_of_f3_are_rho_times_the_smallest_value_and_that_value(f3):
    assert (f3.certificate.lower_bound, f3.certificate.upper_bound) == pytest.approx(
        (0.3965, 3.9648), abs=5e-5
    )


def test_sawtooth_from_the_same_samples_of_f3_is_tighter(f3):
    assert f3.certificate.sawtooth_bound() == pytest.approx(2.20, abs=5e-3)


@pytest.mark.parametrize(
    ("offset", "high", "samples", "theorem_2", "minimiser"),
    [(15.0, FULL, 15, 44, FAR), (11.05, FULL, 196, 18_882, FAR), (4.815, 8.0, 1155, 210_713, NEAR)],
    ids=["f3", "f2", "f1"],
)
def test_the_nearer_the_minimum_is_to_0_the_more_samples(offset, high, samples, theorem_2, minimiser):
    result = algorithm_1(offset, high)
    assert result.stopped == "covered" and result.certificate.evaluations == samples
    assert result.certificate.theorem_2 == pytest.approx(theorem_2, abs=0.5)
    assert result.minimiser[0] == pytest.approx(minimiser, abs=0.04)
    result.certificate.verify()


@pytest.mark.parametrize(("rho", "samples"), [(0.1, 15), (0.5, 23), (0.9, 81), (0.95, 142), (0.99, 586)])
def test_a_closer_bound_takes_more_samples(rho, samples):
    result = algorithm_1(15.0, rho=rho)
    assert result.certificate.evaluations == samples
    assert result.certificate.lower_bound == rho * result.minimum


def test_the_sawtooth_proves_the_gap_of_586_samples_with_a_tenth_of_them():
    gap = algorithm_1(15.0, rho=0.99).certificate.gap
    result = branch_and_prune(sines(15.0), [(0, FULL)], FULL, start=2.5, bound="sawtooth", tolerance=gap)
    assert result.certificate.gap <= gap and result.certificate.evaluations <= 75


def test_the_search_by_the_sawtooth_does_not_see_a_shift():
    first, second = (
        branch_and_prune(sines(offset), [(0, FULL)], FULL, start=2.5, bound="sawtooth", tolerance=0.1)
        for offset in (15.0, -15.0)
    )
    # Teeth of the same depth may be taken in another order.
    np.testing.assert_allclose(np.sort(first.samples, axis=0), np.sort(second.samples, axis=0), atol=1e-9)
    assert second.certificate.lower_bound == pytest.approx(first.certificate.lower_bound - 30.0)


@pytest.mark.parametrize("dimension", [1, 2])
@pytest.mark.parametrize("bound", ["balls", "sawtooth"])
def test_a_minimum_of_0_is_covered_to_the_tolerance(bound, dimension):
    def cone(x):
        return np.linalg.norm(x - 0.3)

    result = branch_and_prune(cone, [(0, 1)] * dimension, 1.5, bound=bound, tolerance=0.05)
    assert result.stopped == "covered"
    assert 0 <= result.minimum - 0.0 <= 0.05 and result.certificate.gap <= 0.05 + 1e-12


@pytest.mark.parametrize(("dimension", "samples"), [(2, 100), (3, 500)])
@pytest.mark.parametrize("gradient", [slope, None], ids=["descent", "no gradient"])
def test_boxes_of_several_variables_are_covered(dimension, samples, gradient):
    bounds, lipschitz = [(0, FULL)] * dimension, FULL * np.sqrt(dimension)
    result = branch_and_prune(sines(15.0 * dimension), bounds, lipschitz, gradient=gradient)
    minimum = sines(15.0 * dimension)(np.full(dimension, FAR))
    assert result.stopped == "covered" and result.certificate.evaluations <= samples
    assert result.certificate.lower_bound == 0.1 * result.minimum <= minimum <= result.minimum
    result.certificate.verify()


@pytest.mark.parametrize("dimension", [1, 2])
@pytest.mark.parametrize("bound", ["balls", "sawtooth"])
def test_a_search_is_the_same_every_time(bound, dimension):
    first, second = (
        branch_and_prune(
            sines(20.0 * dimension), [(0, FULL)] * dimension, 18.0, bound=bound, max_evaluations=40
        )
        for _ in range(2)
    )
    np.testing.assert_array_equal(first.samples, second.samples)
    np.testing.assert_array_equal(first.lower_bounds, second.lower_bounds)


@pytest.mark.parametrize("dimension", [1, 2])
def test_more_evaluations_only_continue_a_search(dimension):
    few, many = (
        branch_and_prune(sines(20.0 * dimension), [(0, FULL)] * dimension, 18.0, max_evaluations=count)
        for count in (6, 9)
    )
    assert few.stopped == "evaluations"
    np.testing.assert_array_equal(few.samples, many.samples[:6])


def test_the_last_sample_of_the_budget_may_complete_the_cover():
    assert algorithm_1(15.0, max_evaluations=15).stopped == "covered"
    assert algorithm_1(15.0, max_evaluations=14).stopped == "evaluations"


def test_an_uncovered_box_is_bounded_by_the_sawtooth_not_by_rho(f3):
    stopped = algorithm_1(15.0, max_evaluations=9).certificate
    assert not stopped.covered and 0 < stopped.covered_share < 1
    grid = np.linspace(0, FULL, 100_001)
    sawtooth = (f3.values[:9] - FULL * np.abs(grid[:, None] - f3.samples[:9, 0])).max(axis=1)
    assert stopped.lower_bound == pytest.approx(sawtooth.min(), abs=2e-3)
    assert stopped.lower_bound < 0.1 * stopped.upper_bound


def test_time_ends_a_search():
    result = algorithm_1(4.815, 8.0, max_seconds=1e-9)
    assert result.stopped == "seconds" and len(result.values) == 1


def test_the_callback_sees_every_sample_and_ends_the_search():
    seen = []

    def watch(progress):
        seen.append(progress)
        return progress.evaluations == 5

    result = algorithm_1(15.0, callback=watch)
    assert result.stopped == "callback" and [step.evaluations for step in seen] == [1, 2, 3, 4, 5]
    np.testing.assert_array_equal([step.value for step in seen], result.values)
    assert [step.upper_bound for step in seen] == list(np.minimum.accumulate(result.values))


def test_radii_follow_the_smallest_value_down(f3):
    np.testing.assert_allclose(f3.radii_after(1), 0.9 * f3.values[0] / FULL)
    np.testing.assert_allclose(f3.radii, (f3.values - 0.1 * f3.values.min()) / FULL)


def test_the_first_sample_is_the_middle_of_the_box_by_default():
    result = branch_and_prune(sines(15.0), [(1, 4)], FULL, max_evaluations=1)
    np.testing.assert_array_equal(result.samples, [[2.5]])


def test_samples_stay_in_the_box():
    result = branch_and_prune(sines(35.0), [(0, FULL), (2, 5)], 18.0, gradient=slope, max_evaluations=60)
    assert (result.samples >= [0, 2]).all() and (result.samples <= [FULL, 5]).all()


def test_a_function_may_write_into_the_point_that_it_gets():
    def careless(x):
        value = sines(15.0)(x)
        x[:] = 0.0
        return value

    np.testing.assert_array_equal(
        branch_and_prune(careless, [(0, FULL)], FULL, start=2.5).samples,
        branch_and_prune(sines(15.0), [(0, FULL)], FULL, start=2.5).samples,
    )
