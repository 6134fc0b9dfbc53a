"""What is drawn of a surface, and the axes that several surfaces beside one another share."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import MaxNLocator

from tfapp.errors import InputError
from tfapp.landscape.figures.axis_labels import axis_labels
from tfapp.landscape.figures.scale import LossScale
from tfapp.landscape.surface import Surface


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
    def of(cls, surface: Surface, title: str) -> "Panel":
        """Return the panel of a surface, or raise `InputError` as `Surface.drawable_grid` does."""
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


def make_panels(surfaces: Sequence[Surface], titles: Sequence[str]) -> list[Panel]:
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
