"""Choice of the points of a surface to measure so that the others can be predicted, and the prediction."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.linalg import lu_factor, lu_solve
from scipy.spatial import cKDTree

from tfapp.landscape.window import coarse_to_fine, first_stride, lattice_cells

HELD_OUT_SHARE = 0.05
# Where more than this would be measured anyway, the prediction does not work: all of it is.
GIVE_UP_SHARE = 0.6
NEIGHBOURS = 4


@dataclass(frozen=True)
class Prediction:
    """How far predicted points are from measured ones, over points drawn at random and then measured.

    Attributes:
        points: number of points that the errors were measured on; 0 for a surface without prediction.
        max_error, rms_error: of predicted - measured, as a share of the range of the losses.
        failed: the surface could not be predicted and was measured throughout.
    """

    points: int = 0
    max_error: float = 0.0
    rms_error: float = 0.0
    failed: bool = False


class AdaptivePlan:
    """Rounds of cells to measure.

    The plan is a function of what was measured and of the seed: run again over a half-finished surface, it
    asks for the same cells.

    Args:
        loss: float (n, n), which the caller fills as cells are measured; NaN or infinite where the loss is.
            Only cells that the plan has asked for are read.
        tolerance: largest error of a prediction, as a share of the range of the finite losses.
        seed: of the points that are drawn at random.

    Attributes:
        prediction: `Prediction`, once the plan has ended.
    """

    def __init__(self, loss: np.ndarray, tolerance: float = 0.01, seed: int = 0):
        self._loss, self._asked = loss, np.zeros(loss.shape, bool)
        self._tolerance, self._seed = tolerance, seed
        self._round_size = max(1, round(HELD_OUT_SHARE * loss.size))
        self.prediction = Prediction()

    def rounds(self) -> Iterator[list[tuple[int, int]]]:
        """Yield lists of cells; all of one list must be measured before the next is asked for."""
        count = len(self._loss)
        stride = first_stride(count)
        lattice = set(lattice_cells(count, count, stride))
        yield self._ask(cell for cell in coarse_to_fine(count) if cell in lattice)
        attempt = 0
        while self._predictable():
            yield self._ask(self._least_certain())
            if not self._predictable():
                break
            rng = np.random.default_rng([self._seed, attempt])
            chosen = rng.choice(np.argwhere(~self._asked), self._round_size, replace=False)
            predicted = predict(self._loss, self._asked)
            yield self._ask(chosen)
            errors = self._errors(predicted, chosen)
            if np.all(errors <= self._tolerance):
                rms = float(np.sqrt(np.mean(errors**2)))
                self.prediction = Prediction(len(chosen), float(errors.max()), rms)
                return
            attempt += 1
        self.prediction = Prediction(failed=stride > 1)
        yield self._ask(coarse_to_fine(count))

    def _predictable(self):
        left = np.count_nonzero(~self._asked)
        return left >= max(self._round_size, (1 - GIVE_UP_SHARE) * self._loss.size)

    def _errors(self, predicted, cells):
        i, j = np.transpose(cells)
        measured = self._loss[self._asked & np.isfinite(self._loss)]
        span = np.ptp(measured) if measured.size else 0.0
        errors = np.abs(predicted[i, j] - self._loss[i, j]) / max(span, np.finfo(float).tiny)
        return np.where(np.isfinite(errors), errors, np.inf)

    def _least_certain(self):
        """Choose cells where points around are badly predicted by the others, away from each other.

        All cells beside an overflow are among them: nothing is predicted across one.
        """
        errors = leave_one_out_errors(self._loss, self._asked)
        known, left = np.argwhere(self._asked), np.argwhere(~self._asked)
        distances, nearest = cKDTree(known).query(left, k=NEIGHBOURS)
        around = errors[self._asked][nearest]
        beside_overflow = np.isinf(around).any(axis=1)
        reach = first_stride(len(self._loss))
        # An error counts for less the farther its point is, a cell for less the nearer any point is.
        weights = np.where(np.isinf(around), 0.0, around) / (1.0 + distances)
        doubt = weights.max(axis=1) * np.minimum(distances[:, 0] / reach, 1.0) ** 2
        chosen = list(left[beside_overflow])
        for _ in range(self._round_size):
            worst = int(np.argmax(doubt))
            chosen.append(left[worst])
            away = np.linalg.norm(left - left[worst], axis=1)
            doubt = doubt * np.minimum(away / reach, 1.0) ** 2
        return chosen

    def _ask(self, cells):
        new = list(dict.fromkeys((int(i), int(j)) for i, j in cells if not self._asked[i, j]))
        for cell in new:
            self._asked[cell] = True
        return new


# one exists.
#
# The loss of a network grows by orders of magnitude within a window; its logarithm is what is smooth. A radial
# basis function takes points wherever they were measured, and tells how well each is predicted by the others.
#
# References:
#     S. Rippa, "An algorithm for selecting a good value for the parameter c in radial basis function
#     interpolation", Advances in Computational Mathematics, 1999 (leave-one-out errors in closed form).


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
