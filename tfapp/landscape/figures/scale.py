"""The vertical axis that the figures share: linear, or logarithmic where losses span decades."""

import math
from dataclasses import dataclass

import numpy as np

from tfapp.errors import InputError

# Beyond this ratio of largest to smallest loss a linear axis shows the walls only, not the basin.
_LOG_RATIO = 10.0
_MAX_TICKS = 8
_NICE_STEPS = (1, 2, 5, 10)


@dataclass(frozen=True)
class LossScale:
    """Limits of the losses in one or several grids, and how they are drawn.

    Attributes:
        low, high: smallest and largest finite loss, low < high.
        log: draw log10 of the loss.
    """

    low: float
    high: float
    log: bool

    @classmethod
    def common(cls, grids) -> "LossScale":
        """Return the scale that holds all finite values of some loss grids.

        Raises:
            InputError: no value is finite.
        """
        finite = np.concatenate([grid[np.isfinite(grid)] for grid in grids])
        if finite.size == 0:
            raise InputError(
                "Expected at least one finite loss to draw. Received: only NaN or infinite losses."
            )
        low, high = float(finite.min()), float(finite.max())
        if low == high:
            # A flat surface still needs an axis of some height.
            margin = 0.5 * abs(low) or 0.5
            low, high = low - margin, high + margin
        return cls(low, high, low > 0 and high / low > _LOG_RATIO)

    def transform(self, loss):
        """Return the height at which a loss (array or number) is drawn."""
        return np.log10(loss) if self.log else np.asarray(loss, dtype=np.float64)

    @property
    def limits(self) -> tuple[float, float]:
        """The drawn heights of `low` and `high`."""
        return float(self.transform(self.low)), float(self.transform(self.high))

    def ticks(self) -> list[float]:
        """Return at most eight round losses within the limits."""
        return self._log_ticks() if self.log else self._linear_ticks()

    def _linear_ticks(self):
        rough = (self.high - self.low) / (_MAX_TICKS - 1)
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(s * power for s in _NICE_STEPS if s * power >= rough)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [k * step for k in range(first, last + 1)]

    def _log_ticks(self):
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for mantissas in ((1, 2, 5), (1, 3), (1,)):
            ticks = [m * 10.0**d for d in decades for m in mantissas if self.low <= m * 10.0**d <= self.high]
            if len(ticks) <= _MAX_TICKS:
                return ticks
        return ticks[:: math.ceil(len(ticks) / _MAX_TICKS)]


def tick_label(loss: float) -> str:
    """Write a tick: plain between 0.001 and 9999, as a power of ten beyond."""
    if loss == 0 or 1e-3 <= abs(loss) < 1e4:
        return f"{loss:.4g}"
    mantissa, exponent = f"{loss:.0e}".split("e")
    digits = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"10{digits}" if mantissa == "1" else f"{mantissa}·10{digits}"
