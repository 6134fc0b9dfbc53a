"""The samples of a function that is said to be Lipschitz, each checked against all before it."""

import math

import numpy as np

# A slope above L by less than this share, or a difference of values by less of their size, is rounding.
_ROUNDING = 1e-9, 1e-12


class Samples:
    """Points and values of an L-Lipschitz function in the order in which they were taken.

    Args:
        function: From float64 (dimension,) to a number.
        lipschitz: L > 0.
        non_negative: Whether a value below 0 is an error.
    """

    def __init__(self, function, lipschitz, *, non_negative):
        self._function, self.lipschitz, self._non_negative = function, lipschitz, non_negative
        self._points, self._values = [], []

    def __len__(self):
        return len(self._values)

    @property
    def points(self):
        """float64 (samples, dimension)."""
        return np.array(self._points)

    @property
    def values(self):
        """float64 (samples,)."""
        return np.array(self._values)

    def take(self, point):
        """Evaluate the function and return its value.

        Raises:
            ValueError: The value is not one finite number, is negative where that is an error, or proves with an
                earlier one that L is too small.
        """
        value = np.asarray(self._function(point.copy()), dtype=np.float64).ravel()
        if value.size != 1 or not np.isfinite(value[0]):
            raise ValueError(
                f"`function` must return one finite number in the whole box. Received: {_term(point, value)}"
            )
        if self._non_negative and value[0] < 0:
            raise ValueError(
                "`function` must be >= 0 for bound='balls' (Algorithm 1 removes balls of radius (f - rho min f) / L): "
                f"minimise `function + c` with c >= {rounded_up(-value[0])}, or use bound='sawtooth'. "
                f"Received: {_term(point, value[0])}"
            )
        if self._values:
            check_slopes(self.points, self.values, point, value[0], self.lipschitz)
        self._points.append(point)
        self._values.append(float(value[0]))
        return self._values[-1]


def check_slopes(points, values, point, value, lipschitz):
    """Raise ValueError, naming the steepest pair, if one more sample and an earlier one are steeper than L.

    Args:
        points: float64 (samples, dimension).
        values: float64 (samples,).
        point: float64 (dimension,), one more sample.
        value: Its value.
        lipschitz: L > 0.
    """
    distances = np.linalg.norm(points - point, axis=1)
    differences = np.abs(values - value)
    allowed = lipschitz * distances * (1 + _ROUNDING[0]) + _ROUNDING[1] * np.maximum(
        abs(value), np.abs(values)
    )
    if (differences <= allowed).all():
        return
    slopes = np.divide(differences, distances, out=np.full_like(distances, np.inf), where=distances > 0)
    slopes[differences <= allowed] = 0.0
    steepest = slopes.argmax()
    raise ValueError(
        f"`lipschitz` must be at least {rounded_up(slopes[steepest])}, the slope between two samples: "
        f"{_term(points[steepest], values[steepest])} and {_term(point, value)}. Received: lipschitz={lipschitz}"
    )


def _term(point, value):
    return f"f({', '.join(f'{x:.8g}' for x in point)}) = {np.array2string(np.asarray(value), precision=8)}"


def rounded_up(number):
    """Return a number of four digits that is not below `number`, as text."""
    if not math.isfinite(number) or number == 0:
        return f"{number:g}"
    unit = 10.0 ** (math.floor(math.log10(number)) - 3)
    return f"{math.ceil(number / unit) * unit:.4g}"
