import math

import numpy as np
import pytest
import tensorflow as tf

from tfapp.layers.arguments import at_least_float32, inverse_softplus, reachable


@pytest.mark.parametrize("value", [1e-6, 0.01, 1.0, 30.0])
def test_inverse_softplus_is_undone_by_softplus(value):
    assert math.log1p(math.exp(inverse_softplus(value))) == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1e-6, -13.815510057964274),  # log(expm1(1e-6)) = log(1e-6) + 5e-7, by the series of expm1
        (1.0, 0.541324854612918),  # log(e - 1)
        (50.0, 50.0),  # 50 + log(1 - exp(-50)): below the digits of a float
    ],
)
def test_inverse_softplus_has_the_golden_value(value, expected):
    assert inverse_softplus(value) == pytest.approx(expected, rel=1e-13)


def test_tolerance_that_float32_cannot_reach_is_raised_with_a_warning():
    with pytest.warns(UserWarning, match="`tolerance`=1e-09 is below what float32 can reach; 1e-06 is used"):
        assert reachable(1e-9) == 1e-6


@pytest.mark.parametrize("tolerance", [None, 1e-6, 1e-3])
def test_tolerance_within_reach_stays(tolerance):
    assert reachable(tolerance) == tolerance


@pytest.mark.parametrize(
    ("given", "kept"),
    [("float16", "float32"), ("bfloat16", "float32"), ("float32", "float32"), ("float64", "float64")],
)
def test_half_precision_becomes_float32(given, kept):
    assert at_least_float32(tf.cast(np.ones(3), given)).dtype == kept
