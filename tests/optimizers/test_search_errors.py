"""What `branch_and_prune` refuses, and what it says."""

import numpy as np
import pytest

from tfapp.optimizers import branch_and_prune


def square(x):
    return float((x**2).sum())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lipschitz": 0.0}, "`lipschitz` must be a finite number > 0. Received: lipschitz=0.0"),
        ({"lipschitz": -1.0}, "`lipschitz` must be a finite number > 0. Received: lipschitz=-1.0"),
        ({"lipschitz": float("inf")}, "`lipschitz` must be a finite number > 0. Received: lipschitz=inf"),
        ({"lipschitz": float("nan")}, "`lipschitz` must be a finite number > 0. Received: lipschitz=nan"),
        ({"rho": 1.0}, "`rho` must be in [0, 1). Received: rho=1.0"),
        ({"rho": -0.1}, "`rho` must be in [0, 1). Received: rho=-0.1"),
        ({"rho": float("nan")}, "`rho` must be in [0, 1). Received: rho=nan"),
        ({"tolerance": 0.0}, "`tolerance` must be a finite number > 0. Received: tolerance=0.0"),
        (
            {"max_evaluations": 0},
            "`max_evaluations` must be a positive integer. Received: max_evaluations=0",
        ),
        ({"max_evaluations": 1.5}, "`max_evaluations` must be a positive integer."),
        ({"max_evaluations": np.inf}, "`max_evaluations` must be a positive integer."),
        ({"max_evaluations": np.nan}, "`max_evaluations` must be a positive integer."),
        ({"tolerance": 1e-12}, "`tolerance` must be at least 2e-11 for this box and L"),
        ({"max_seconds": 0.0}, "`max_seconds` must be a finite number > 0. Received: max_seconds=0.0"),
        ({"bound": "cubes"}, "`bound` must be one of ('balls', 'sawtooth'). Received: bound='cubes'"),
        ({"bounds": [(0, np.inf)]}, "`bounds` must be finite, with low < high in every coordinate"),
        ({"bounds": [(0, 1), (2, 2)]}, "`bounds` must be finite, with low < high in every coordinate"),
        ({"bounds": [(1, 0)]}, "`bounds` must be finite, with low < high in every coordinate"),
        ({"bounds": (0, 1)}, "`bounds` must have one pair (low, high) for each coordinate"),
        ({"bounds": []}, "`bounds` must have one pair (low, high) for each coordinate"),
        ({"start": 2.0}, "`start` must be a point of the box [[0.0, 1.0]]. Received: start=2.0"),
        ({"start": [0.5, 0.5]}, "`start` must be a point of the box [[0.0, 1.0]]"),
        ({"start": float("nan")}, "`start` must be a point of the box [[0.0, 1.0]]. Received: start=nan"),
    ],
)
def test_arguments_out_of_range_are_refused_before_the_function_is_asked(changes, message):
    def never(x):
        raise AssertionError("the function was asked")

    options = {"bounds": [(0, 1)], "lipschitz": 2.0} | changes
    with pytest.raises(ValueError) as error:
        branch_and_prune(never, **options)
    assert message in str(error.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, np.array([1.0, 2.0]), []])
def test_a_value_that_is_not_one_finite_number_is_refused(value):
    with pytest.raises(ValueError, match=r"`function` must return one finite number .* f\(0\.5\) = "):
        branch_and_prune(lambda x: value, [(0, 1)], 1.0)


def test_a_negative_value_is_refused_and_the_two_ways_out_are_named():
    with pytest.raises(ValueError) as error:
        branch_and_prune(lambda x: square(x) - 2.25, [(0, 1)], 2.0, start=0.5)
    message = str(error.value)
    assert "`function` must be >= 0" in message and "`function + c` with c >= 2" in message
    assert "bound='sawtooth'" in message and message.endswith("Received: f(0.5) = -2.")


def test_the_sawtooth_takes_negative_values():
    result = branch_and_prune(lambda x: square(x) - 2.25, [(-1, 1)], 2.0, bound="sawtooth", tolerance=0.01)
    assert result.minimum == pytest.approx(-2.25, abs=0.01) and result.certificate.covered


@pytest.mark.parametrize("bound", ["balls", "sawtooth"])
def test_two_samples_that_are_steeper_than_l_are_named_with_their_slope(bound):
    with pytest.raises(ValueError) as error:
        branch_and_prune(lambda x: 10 + 4 * x[0], [(0, 5)], 1.0, start=0.5, bound=bound, rho=0.9)
    message = str(error.value)
    assert message.startswith(
        "`lipschitz` must be at least 4, the slope between two samples: f(0.5) = 12. and f("
    )
    assert message.endswith("Received: lipschitz=1.0")


def test_the_slope_that_is_named_is_the_steepest_and_large_enough():
    with pytest.raises(ValueError) as error:
        branch_and_prune(lambda x: 10 + np.pi * abs(x[0] - 0.5), [(0, 1)], 0.9, bound="sawtooth")
    named = float(str(error.value).split("at least ")[1].split(",")[0])
    assert np.pi <= named <= 1.001 * np.pi


def test_a_gradient_longer_than_l_is_refused():
    with pytest.raises(ValueError, match="`lipschitz` must be at least 4, the length of the gradient at"):
        branch_and_prune(lambda x: 10 + 4 * x[0], [(0, 1)], 1.0, gradient=lambda x: np.array([4.0]))


@pytest.mark.parametrize("gradient", [[1.0, 2.0], [np.nan]])
def test_a_gradient_of_another_shape_or_not_finite_is_refused(gradient):
    with pytest.raises(ValueError, match=r"`gradient` must return 1 finite numbers. Received: gradient\("):
        branch_and_prune(square, [(0, 1)], 2.0, gradient=lambda x: np.array(gradient))


def test_a_slope_of_exactly_l_is_no_error():
    result = branch_and_prune(lambda x: 0.1 + abs(x[0] - 1 / 3), [(0, 1)], 1.0, rho=0.9)
    assert result.stopped == "covered"
