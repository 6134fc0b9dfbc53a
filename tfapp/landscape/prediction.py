"""Losses between measured points: a cubic radial basis function through all of them, of the logarithm where
one exists.

The loss of a network grows by orders of magnitude within a window; its logarithm is what is smooth. A radial
basis function takes points wherever they were measured, and tells how well each is predicted by the others.

References:
    S. Rippa, "An algorithm for selecting a good value for the parameter c in radial basis function
    interpolation", Advances in Computational Mathematics, 1999 (leave-one-out errors in closed form).
"""

import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.linalg import lu_factor, lu_solve


def predict(loss: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Fill the points that are not measured.

    Args:
        loss: float (n, m), the loss where `measured`, not read elsewhere. A measured loss that is not finite (an
            overflow) counts as high as the highest finite one.
        measured: bool (n, m), at least three points that are not on one line.

    Returns:
        float64 (n, m): measured losses as they are, predicted ones elsewhere; NaN there if none is finite.
    """
    heights, back = _heights(loss, measured)
    if heights is None:
        return np.where(measured, loss, np.nan)
    interpolator = RBFInterpolator(_places(measured), heights, kernel="cubic")
    with np.errstate(over="ignore"):
        filled = back(interpolator(_places(np.ones_like(measured)))).reshape(loss.shape)
    return np.where(measured, loss, filled)


def leave_one_out_errors(loss: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Return how far every measured point is from what all the others predict of it.

    Args:
        loss, measured: as for `predict`.

    Returns:
        float64 (n, m): |measured - predicted|, infinite where the loss is not finite, NaN where not measured.
    """
    errors = np.full(loss.shape, np.nan)
    heights, back = _heights(loss, measured)
    errors[measured] = np.inf
    if heights is None:
        return errors
    with np.errstate(over="ignore"):
        others = back(heights - _rippa(_places(measured), heights))
    finite = np.isfinite(loss[measured])
    errors[measured] = np.where(finite, np.abs(others - loss[measured]), np.inf)
    return errors


def _heights(loss, measured):
    """Return the heights to interpolate and the way back to losses; (None, None) if no loss is finite."""
    values = loss[measured].astype(np.float64)
    finite = np.isfinite(values)
    if not finite.any():
        return None, None
    values = np.where(finite, values, values[finite].max())
    return (np.log(values), np.exp) if values.min() > 0 else (values, lambda heights: heights)


def _places(mask):
    # In units of the window: the polynomial part of the system is then well scaled.
    return np.argwhere(mask) / max(max(mask.shape) - 1, 1)


def _rippa(places, heights):
    """Return height minus leave-one-out prediction: c_i / (M^-1)_ii of the interpolation system M c = heights."""
    count = len(places)
    distances = np.linalg.norm(places[:, None] - places, axis=-1) ** 3
    linear = np.column_stack([np.ones(count), places])
    system = np.block([[distances, linear], [linear.T, np.zeros((3, 3))]])
    inverse = lu_solve(lu_factor(system), np.eye(count + 3))
    return (inverse[:count, :count] @ heights) / np.diag(inverse)[:count]
