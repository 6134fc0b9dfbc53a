"""Confidence in refined poses."""

import numpy as np

from tfapp.pose.refinement.confidence import Evidences, confidence

EXTENT = 0.05


def of(residual, margin=0.001):
    residual = np.asarray(residual, float)
    full = np.full_like(residual, 1.0)
    return confidence(Evidences(residual, full, margin * full), EXTENT)


def test_confidence_falls_with_the_residual():
    found = of([0.0, 0.00005, 0.0002, 0.001, 0.003, 0.01])
    assert (np.diff(found) <= 0).all()
    assert found[1] > 0.9
    assert found[-1] < 0.1


def test_confidence_grows_with_the_margin_to_another_pose():
    assert of([0.0003], margin=0.002)[0] > of([0.0003], margin=0.0)[0]


def test_confidence_does_not_depend_on_the_unit_of_the_part():
    small = Evidences(np.array([0.0002]), np.ones(1), np.array([0.001]))
    large = Evidences(np.array([0.002]), np.ones(1), np.array([0.01]))
    np.testing.assert_allclose(confidence(small, 0.05), confidence(large, 0.5))
