"""Which points of a surface to measure so that the others can be predicted, and how well they are.

A lattice over the whole window first. Then, in rounds, points are added where the prediction is least certain (at
the corners, as a rule, where the loss is steepest and few points are drawn), and as many that are drawn at random
are predicted and measured: their errors, not a bound from theory, are what a surface reports, for a loss with kinks
has none. Where one misses the tolerance, another round follows.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from tfapp.landscape.lattice import coarse_to_fine, first_stride, lattice_cells
from tfapp.landscape.prediction import leave_one_out_errors, predict

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
