"""What samples of a Lipschitz function prove on an interval, exactly."""

import numpy as np

from tfapp.optimizers.intervals import first_border, removed_intervals, uncovered_gaps

_RIGHT = np.ones(1)


class LineCover:
    """Samples of an L-Lipschitz function of one variable, and the sawtooth below it.

    The sawtooth max_i (f_i - L |x - x_i|) is nowhere above the function (Piyavskii, 1972; Shubert, 1972). It is at
    least `target` exactly where a ball around a sample, of radius (f_i - target) / L, reaches.

    Args:
        low, high: float64 (1,), the ends of the interval.
        lipschitz: L > 0.
    """

    def __init__(self, low, high, lipschitz):
        self.low, self.high, self.lipschitz = low, high, lipschitz
        self._x, self._values = np.empty(0), np.empty(0)

    def add(self, sample, value):
        """Take in f(sample) = value; `sample` is float64 (1,)."""
        place = np.searchsorted(self._x, sample[0])
        self._x = np.insert(self._x, place, sample[0])
        self._values = np.insert(self._values, place, value)

    def next_border(self, sample, descent, target):
        """Return the border of the uncovered set nearest to `sample`, on the side of `descent` if there is one.

        Args:
            sample: float64 (1,).
            descent: float64 (1,), of length 1: minus the gradient; or None for the nearer side.
            target: The lower bound that is to be proven.

        Returns:
            float64 (1,), or None if the interval is covered.
        """
        balls = self._x[:, None], self._radii(target)
        borders = [
            first_border(sample, side, *balls, self.low, self.high)
            for side in ((_RIGHT, -_RIGHT) if descent is None else (descent, -descent))
        ]
        found = [border for border in borders if border is not None]
        if descent is None:
            found.sort(key=lambda border: abs(border[0] - sample[0]))
        return found[0] if found else None

    def next_lowest(self, target):
        """Return where the sawtooth is lowest, float64 (1,), or None if it is nowhere below `target`."""
        places, depths = self._teeth()
        lowest = depths.argmin()
        return places[lowest : lowest + 1] if depths[lowest] < target else None

    def tighten(self, target, own_share=0.5):
        """Do nothing: the bounds are exact."""

    def lower_bound(self):
        """Return the minimum of the sawtooth."""
        return float(self._teeth()[1].min())

    def proves(self, target):
        """Return whether the samples prove f >= target."""
        return self.lower_bound() >= target

    def covered_share(self, target):
        """Return the share of the interval where the sawtooth is at least `target`, in [0, 1]."""
        width = (self.high - self.low)[0]
        removed = removed_intervals(self.low, _RIGHT, self._x[:, None], self._radii(target))
        return 1.0 - float(np.diff(uncovered_gaps(removed, width)).sum() / width)

    def _radii(self, target):
        return np.maximum(self._values - target, 0.0) / self.lipschitz

    def _teeth(self):
        """Return where neighbouring slopes meet, and at which height; the ends of the interval included."""
        x, values, slope = self._x, self._values, self.lipschitz
        places = (x[1:] + x[:-1]) / 2 + (values[:-1] - values[1:]) / (2 * slope)
        depths = (values[1:] + values[:-1]) / 2 - slope * np.diff(x) / 2
        ends = [values[0] - slope * (x[0] - self.low[0]), values[-1] - slope * (self.high[0] - x[-1])]
        places = np.concatenate([self.low, places, self.high])
        return places.clip(self.low, self.high), np.concatenate([ends[:1], depths, ends[1:]])
