"""Panels: what is drawn of a surface, and the axes that several surfaces beside one another share."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill

import numpy as np
from matplotlib.ticker import MaxNLocator

from tfapp.errors import InputError
from tfapp.landscape.grid import Grid

_LETTERS = ("α", "β")
_WIDTH = 46  # characters of a line, which fits under a picture
# Beyond this ratio of largest to smallest loss a linear axis shows the walls only, not the basin.
_LOG_RATIO = 10.0
_MAX_TICKS = 8
_NICE_STEPS = (1, 2, 5, 10)


def axis_labels(surface: Grid) -> tuple[str, str]:
    """Return the labels of the axes of alpha and beta.

    The first lines name the direction; the last says how long a step of 1 is, as a share of the norm of the
    weights that are moved, |w|, and in the unit of the weights: "(1 = 100 % of |w| = 12.3)". Surfaces of
    0.1.0, which do not know their directions, get "α (relative)" and "β (relative)".
    """
    return tuple(
        _label(f"{letter} · {name}", unit) if name else f"{letter} (relative)"
        for letter, name, unit in zip(_LETTERS, _names(surface), step_units(surface), strict=True)
    )


def common_label(surfaces: Sequence[Grid]) -> str:
    """Return the label of the axis of alpha of several lines.

    Lines of different networks share what a step of 1 is called at most; their `step_units` differ.
    """
    labels = {axis_labels(surface)[0] for surface in surfaces}
    if len(labels) == 1:
        return labels.pop()
    names = {_names(surface)[0] for surface in surfaces}
    name = names.pop() if len(names) == 1 else ""
    return f"α · {name}" if name else "α (relative)"


def step_units(surface: Grid) -> tuple[str, str]:
    """Return the lengths of steps of 1 along both axes, "1 = 100 % of |w| = 12.3"; empty if unknown."""
    directions = surface.metadata.get("directions", {})
    lengths = zip(_pair(directions, "relative"), _pair(directions, "absolute"), strict=True)
    return tuple(
        "" if relative is None or absolute is None else f"1 = {100 * relative:.3g} % of |w| = {absolute:.3g}"
        for relative, absolute in lengths
    )


def _names(surface):
    return tuple(name or "" for name in _pair(surface.metadata.get("directions", {}), "labels"))


def _pair(directions, entry):
    first, second = [*(directions.get(entry) or ()), None, None][:2]
    return first, second


def _label(name, unit):
    return "\n".join([fill(name, _WIDTH), *([f"({unit})"] if unit else [])])


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


@dataclass(frozen=True, eq=False)
class Panel:
    """One surface of a figure.

    A surface that is not complete is drawn at the finest mesh that is; nothing is interpolated.

    Attributes:
        title: line above it.
        alphas, betas: float64 (n,) and (m,), ascending.
        loss: float64 (n, m), NaN where it was not finite.
        centre: the loss of the solution, NaN if it is not finite or the solution is outside the window.
        labels: of the two axes.
        points: float64 (k, 2), solutions in the plane, or projected to it.
        point_names: k names, empty for points that have none.
        is_path: the points are the steps of one training, in order.
        note: how much was measured, empty if all was.
    """

    title: str
    alphas: np.ndarray
    betas: np.ndarray
    loss: np.ndarray
    centre: float
    labels: tuple[str, str]
    points: np.ndarray
    point_names: tuple[str, ...]
    is_path: bool
    note: str

    @classmethod
    def of(cls, surface: Grid, title: str) -> "Panel":
        """Return the panel of a surface, or raise `InputError` as `Grid.drawable_grid` does."""
        alphas, betas, loss = surface.drawable_grid()
        inside = alphas[0] <= 0 <= alphas[-1] and betas[0] <= 0 <= betas[-1]
        directions = surface.metadata.get("directions", {})
        return cls(
            title,
            alphas,
            betas,
            loss,
            float(surface.centre) if inside and np.isfinite(surface.centre) else float("nan"),
            axis_labels(surface),
            np.asarray(directions.get("points") or [], float).reshape(-1, 2),
            tuple(directions.get("point_names") or ()),
            directions.get("kind") == "pca",
            _note(surface),
        )

    @property
    def has_solution(self) -> bool:
        return bool(np.isfinite(self.centre))


def rows_and_columns(count: int, columns: int | None) -> tuple[int, int]:
    """Return (columns, rows) for so many panels, at most `columns` in a row; None for all in one."""
    columns = min(count, columns or count)
    return columns, -(-count // columns)


def make_panels(surfaces: Sequence[Grid], titles: Sequence[str]) -> list[Panel]:
    """Return a panel for every surface.

    Raises:
        InputError: no surface, as many titles as surfaces are not given, or nothing to draw.
    """
    if not surfaces or len(surfaces) != len(titles):
        raise InputError(
            "Expected one title for each of one or more surfaces. "
            f"Received: {len(surfaces)} surfaces, {len(titles)} titles."
        )
    return [Panel.of(surface, title) for surface, title in zip(surfaces, titles, strict=True)]


def common_scale(panels: Sequence[Panel]) -> LossScale:
    """Return the scale that holds all losses, those of the solutions included, which need not be on a grid."""
    return LossScale.common([part for panel in panels for part in (panel.loss, np.array([panel.centre]))])


def common_window(panels: Sequence[Panel]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the limits of alpha and of beta that hold the windows of all panels."""
    return tuple(
        (min(axis[0] for axis in axes), max(axis[-1] for axis in axes))
        for axes in ([panel.alphas for panel in panels], [panel.betas for panel in panels])
    )


def window_ticks(low: float, high: float) -> tuple[list[float], list[str]]:
    """Return the ticks of an axis and their texts: ends, solution and halfway if it is symmetric, round numbers
    otherwise."""
    if low == -high:
        places = np.linspace(low, high, 5)
    else:
        places = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
        # Steps of 0.1 add up to 0.30000000000000004 and to a zero with a sign.
        places = np.round(places[(places >= low) & (places <= high)], 12) + 0.0
    return places.tolist(), [f"{place:.3g}".replace("-", "−") for place in places]


def _note(surface):
    measured, total = surface.num_measured, surface.loss.size
    if measured == total:
        return ""
    note = f"{measured} of {total} points measured"
    prediction = surface.metadata.get("prediction") or {}
    if not prediction.get("points"):
        return note
    return f"{note}, error ≤ {100 * prediction['max_error']:.2g} % of the range at {prediction['points']} of them"
