"""What transfer networks learn to give, against NumPy by hand."""

import numpy as np
import pytest

from tfapp.transfer.config import NetworkConfig
from tfapp.transfer.targets import pseudo_labels, scaled_features, soft_assignments, targets_of

CENTRES = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]], np.float32)


def test_readings_compare_other_features():
    high, low = CENTRES[[0, 1, 2]], CENTRES[[1, 1, 0]]
    assert pseudo_labels(high, low, CENTRES, "own").tolist() == [0, 1, 2]
    assert pseudo_labels(high, low, CENTRES, "nearest").tolist() == [1, 1, 0]


def test_soft_assignments_are_the_softmax_of_cosines_over_the_temperature():
    high, centres = np.array([[3.0, 4.0]], np.float32), np.array([[2.0, 0.0], [0.0, 5.0]], np.float32)
    weights = np.exp(np.array([0.6, 0.8]) / 0.5)
    np.testing.assert_allclose(soft_assignments(high, centres, 0.5), [weights / weights.sum()], rtol=1e-6)


def test_soft_assignments_become_the_own_cluster_of_directions_at_a_low_temperature():
    rng = np.random.default_rng(0)
    high, centres = (rng.normal(size=(count, 6)) for count in (30, 5))
    unit = [one / np.linalg.norm(one, axis=1, keepdims=True) for one in (high, centres)]
    own = pseudo_labels(unit[0], unit[0], unit[1], "own")
    found = soft_assignments(high, centres, 1e-4)
    assert (found.argmax(1) == own).all() and (found.max(1) > 0.999).mean() > 0.9


def test_features_are_scaled_by_one_number_to_a_mean_square_of_one():
    high = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32) * 40
    found = scaled_features(high)
    assert np.mean(found**2) == pytest.approx(1, rel=1e-5)
    np.testing.assert_allclose(found / high, found[0, 0] / high[0, 0], rtol=1e-5)


@pytest.mark.parametrize(
    ("pseudo", "shape", "kind"),
    [
        ("own", (7,), "int32"),
        ("nearest", (7,), "int32"),
        ("soft", (7, 3), "float32"),
        ("features", (7, 2), "float32"),
    ],
)
def test_targets_have_the_shape_of_their_kind(pseudo, shape, kind):
    high, low = np.random.default_rng(0).normal(size=(2, 7, 2)).astype(np.float32)
    found = targets_of(high, low, CENTRES, NetworkConfig(pseudo=pseudo))
    assert found.shape == shape and found.dtype == kind
