"""Confidence in a refined pose: one number from what its fit leaves open."""

from dataclasses import dataclass

import numpy as np

# Of a logistic regression on the features, fitted by `benchmarks/pose_confidence.py` on 550 simulated instances of four
# parts (results/pose/confidence.csv). The shown share counted the wrong way, as a model that is wrong as a whole may be
# shown well, and has no weight.
WEIGHTS = np.array([-5.555, 0.0, 0.185])
BIAS = -12.131


@dataclass(frozen=True, eq=False)
class Evidences:
    """What tells whether poses are right, of some instances.

    Attributes:
        residual: float64 `(n,)`, metres, as of `fitting.residual`.
        shown: float64 `(n,)`, share of the side that faces the camera which was measured.
        margin: float64 `(n,)`, metres by which the residual of the next best pose of another kind is larger.
    """

    residual: np.ndarray
    shown: np.ndarray
    margin: np.ndarray


def features(evidences, extent):
    """Return the features `(n, 3)` of the regression: residual and margin as shares of the part's extent."""
    residual = np.log10(np.maximum(evidences.residual / extent, 1e-4))
    margin = np.log10(np.maximum(evidences.margin / extent, 1e-4))
    return np.stack([residual, evidences.shown, margin], 1)


def confidence(evidences, extent):
    """Return how likely each pose is right, within 10 degrees and a tenth of the part's extent, `(n,)` from 0 to 1.

    Args:
        evidences: `Evidences`.
        extent: Largest extent of the part in metres.
    """
    return 1 / (1 + np.exp(-(features(evidences, extent) @ WEIGHTS + BIAS)))
